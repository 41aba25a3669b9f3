import { createPrivateKey } from 'node:crypto';
import { type CrlPublisher, openCrlPublisher } from '../../ca/crl.ts';
import { openOcspResponder, type OcspResponder, type OcspSigner } from '../../ca/ocsp.ts';
import { signingKey } from '../../ca/signing-key.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import { errorText } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { holdOwnIdentity } from './own-identity.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { PublishedEnds } from '../listeners/plain-routes.ts';

/** What anybody may fetch about the ends of certificates, kept current. */
export interface RunningEnds extends PublishedEnds, AsyncDisposable {
  readonly crls: CrlPublisher;
  /** The OCSP response about a certificate of ours, for a handshake; null for any other. */
  readonly staple: (certificate: Uint8Array) => Promise<Uint8Array | null>;
}

/** How long an OCSP answer may be used. A revocation is answered at once; this is for copies on the way. */
const ocspLife = 60 * 60_000;
/** About a sixth of a core. */
const signaturesPerSecond = 2_000;

/** Publishes CRLs for as long as the authority works. Throws what publishing the first ones throws. */
export async function composeEnds(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly authority: Authority;
  readonly log: (line: string) => void;
}): Promise<RunningEnds> {
  const { config, clock, authority, log } = options;
  const { store, issuer, audit, urls } = authority;
  await using opened = new AsyncDisposableStack();
  const crls = opened.use(
    await openCrlPublisher(
      {
        issuer,
        records: store.certificates,
        facts: store.meta,
        audit,
        clock,
        urls,
        life: config.authority.crlMinutes * 60_000,
      },
      log,
    ),
  );
  const ocsp = await composeResponder(opened, options);
  opened.defer(
    store.changes.subscribe(({ kind, key, value }) => {
      if (kind !== 'certificate') return;
      crls.heard(key, value?.state === 'revoked');
      ocsp.heard(key);
    }),
  );
  const held = opened.move();
  const [intermediate, root] = issuer.chain;
  return {
    crls,
    ocsp,
    staple: (certificate) => ocsp.staple(readCertificate(certificate).serial),
    issuers: new Map([intermediate, root].flatMap((one) => (one ? [[keyIdOf(one), one.der] as const] : []))),
    intermediateId: keyIdOf(issuer.certificate),
    rootId: root ? keyIdOf(root) : null,
    rootCrl: authority.rootCrl.current,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The responder, with a certificate of its own that is renewed by itself. */
async function composeResponder(
  opened: AsyncDisposableStack,
  { authority, clock, log }: Parameters<typeof composeEnds>[0],
): Promise<OcspResponder> {
  const { store, issuer } = authority;
  const names = { dnsNames: [], ipAddresses: [] };
  const identity = opened.use(
    await holdOwnIdentity({
      name: 'responder',
      ...names,
      issue: (csr) => authority.issueFor({ name: 'responder', kind: 'ocsp', csr, ...names }, 'authority'),
      clock,
      log,
    }),
  );
  const responder = await openOcspResponder(
    { issuer, records: store.certificates, clock, life: ocspLife, signaturesPerSecond },
    signerOf(identity.current()),
  );
  identity.onRenewed((material) => {
    responder
      .replaceSigner(signerOf(material))
      .catch((error: unknown) => log(`The OCSP responder keeps its old certificate: ${errorText(error)}`));
  });
  return responder;
}

function signerOf({ certificate, key }: TlsMaterial): OcspSigner {
  const [leaf] = decodePem(certificate, 'CERTIFICATE');
  return { certificate: readCertificate(leaf ?? new Uint8Array()), key: signingKey(createPrivateKey(key)) };
}
