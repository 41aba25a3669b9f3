import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { equalBytes, sha256Base64url } from '../kernel/bytes.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  type SignatureAlgorithm,
  signTbs,
} from '../x509/build-certificate.ts';
import { type Certificate, readCertificateFor } from '../x509/certificate.ts';
import { checkLeaf, leafProfiles } from '../x509/leaf-profile.ts';
import type { ApprovedRequest } from './approve.ts';
import type { Issuer } from './issuer.ts';

const seal = Symbol('linted certificate');

/**
 * The to-be-signed octets of a certificate that was built, read back and found to be what was approved. Gives them out
 * once, so that one lint never covers two signatures.
 */
export class LintedTbs {
  /** base64url SHA-256 of the octets. */
  readonly hash: string;
  #octets: Uint8Array | null;

  private constructor(key: typeof seal, octets: Uint8Array) {
    if (key !== seal) throw new TypeError('A LintedTbs is only made by linting.');
    this.#octets = octets;
    this.hash = sha256Base64url(octets);
  }

  /**
   * Builds the octets, puts the signature of a throw-away key below them and holds the reading to the template, the approval and
   * the leaf profile. Throws Fault `lint_failed`.
   */
  static lint(template: CertificateTemplate, approved: ApprovedRequest, issuer: Issuer): LintedTbs {
    try {
      const octets = buildTbs(template, issuer.key.algorithm);
      const trial = assembleCertificate(
        octets,
        issuer.key.algorithm,
        trialSignatures[issuer.key.algorithm](),
      );
      const certificate = readCertificateFor(approved, trial);
      checkLeaf(certificate, { trustDomain: issuer.trustDomain, kinds: [approved.kind] });
      const failed = lints.find((lint) => !lint.holds({ certificate, template, approved, issuer, octets }));
      if (failed) throw new Error(failed.rule);
      return new LintedTbs(seal, octets);
    } catch (cause) {
      throw new Fault('lint_failed', `The certificate was not signed: ${errorText(cause)}.`, { cause });
    }
  }

  /** The octets to sign. Throws when they were taken before. */
  take(): Uint8Array {
    const octets = this.#octets;
    if (!octets) throw new TypeError('These octets were given out to be signed already.');
    this.#octets = null;
    return octets;
  }
}

interface Reading {
  readonly certificate: Certificate;
  readonly template: CertificateTemplate;
  readonly approved: ApprovedRequest;
  readonly issuer: Issuer;
  readonly octets: Uint8Array;
}

const lints: readonly { readonly rule: string; readonly holds: (reading: Reading) => boolean }[] = [
  {
    rule: 'the octets read back differ from those built',
    holds: ({ certificate, octets }) => equalBytes(certificate.tbs, octets),
  },
  {
    rule: 'the serial is not the reserved one, or is not a positive number of 20 octets at most',
    holds: ({ certificate, template }) =>
      certificate.serial === template.serial &&
      /^(?!00)[0-7][0-9a-f]([0-9a-f]{2}){7,19}$/.test(template.serial),
  },
  {
    rule: 'the issuer is not the issuing certificate',
    holds: ({ certificate, issuer }) =>
      equalBytes(certificate.issuerDer, issuer.certificate.subjectDer) &&
      certificate.authorityKeyId === issuer.certificate.subjectKeyId,
  },
  {
    rule: 'the identity is not the approved one',
    holds: ({ certificate, approved }) =>
      certificate.commonName === approved.name && sameList(certificate.uris, [approved.spiffeId]),
  },
  {
    rule: 'the key is not the approved one',
    holds: ({ certificate, approved, issuer }) =>
      equalBytes(certificate.spki, approved.spki) && !equalBytes(certificate.spki, issuer.certificate.spki),
  },
  {
    rule: 'the DNS names or IP addresses are not the approved ones',
    holds: ({ certificate, approved }) =>
      sameList(certificate.dnsNames, approved.dnsNames) &&
      sameList(certificate.ipAddresses, approved.ipAddresses) &&
      certificate.otherNames === 0,
  },
  {
    rule: 'the validity period is empty or reaches beyond that of the issuing certificate',
    holds: ({ certificate, template, issuer }) =>
      certificate.notBefore === template.notBefore &&
      certificate.notAfter === template.notAfter &&
      certificate.notBefore < certificate.notAfter &&
      certificate.notBefore >= issuer.certificate.notBefore &&
      certificate.notAfter <= issuer.certificate.notAfter,
  },
  {
    rule: 'the places where its standing is published are not the ones meant',
    holds: ({ certificate, template }) =>
      sameList(certificate.crlUrls, listed(template.crlUrl)) &&
      sameList(certificate.ocspUrls, listed(template.ocspUrl)) &&
      sameList(certificate.issuerUrls, listed(template.issuerUrl)),
  },
  {
    rule: 'a place where its standing is published is not plain HTTP',
    holds: ({ certificate }) =>
      [...certificate.crlUrls, ...certificate.ocspUrls, ...certificate.issuerUrls].every((url) =>
        url.startsWith('http://'),
      ),
  },
  {
    rule: 'the key usages are not exactly those of its kind',
    holds: ({ certificate, approved }) =>
      sameList(certificate.keyUsage, leafProfiles[approved.kind].keyUsage),
  },
  {
    rule: 'the key of a registration authority is not RSA, and nothing can be encrypted to it',
    holds: ({ certificate, approved }) => approved.kind !== 'ra' || certificate.keyKind.startsWith('RSA-'),
  },
  {
    rule: 'the certificate of an OCSP responder names a place where its standing is published',
    holds: ({ certificate, approved }) =>
      approved.kind !== 'ocsp' || certificate.crlUrls.length + certificate.ocspUrls.length === 0,
  },
];

function listed(url: string | undefined): readonly string[] {
  return url === undefined ? [] : [url];
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** A signature of the length and form that the real one will have, by a key that was thrown away; nobody verifies it. */
const trialSignatures: Readonly<Record<SignatureAlgorithm, () => Uint8Array>> = {
  'ecdsa-with-SHA256': once(() => generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  'ecdsa-with-SHA384': once(() => generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  ed25519: once(() => generateKeyPairSync('ed25519')),
  sha256WithRSAEncryption: once(() => generateKeyPairSync('rsa', { modulusLength: 2048 })),
};

function once(makeKey: () => { readonly privateKey: KeyObject }): () => Uint8Array {
  let made: Uint8Array | null = null;
  return () => (made ??= signTbs(new Uint8Array(), makeKey().privateKey));
}
