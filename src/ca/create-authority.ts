import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import type { Certificate } from '../x509/certificate.ts';
import { checkTrustDomain } from '../x509/spiffe-id.ts';
import { createIntermediate, intermediateTemplate } from './create-intermediate.ts';
import type { SigningKey } from './issuer.ts';
import { type CaTemplate, signCaCertificate, signCaCertificateHere } from './sign-ca-certificate.ts';

/** The certificates of a new authority. */
export interface AuthorityCertificates {
  readonly rootCertificate: Certificate;
  readonly intermediateCertificate: Certificate;
}

/** A new authority whose keys are in this process. */
export interface NewAuthority extends AuthorityCertificates {
  readonly rootKey: KeyObject;
  readonly intermediateKey: KeyObject;
}

export interface AuthorityOptions {
  readonly trustDomain: string;
  readonly clock: Clock;
  /** Milliseconds; one year unless given, never beyond the root. */
  readonly intermediateLife?: number;
  readonly organization?: string;
  /** DNS domains that servers and gateways may be named in; the trust domain and localhost unless given. */
  readonly permittedDns?: readonly string[];
}

type RootOptions = AuthorityOptions & { readonly rootLife?: number };

const year = 365 * 24 * 60 * 60 * 1000;

/**
 * Certifies keys, wherever they live: a root (ten years unless given, for signing intermediates alone), unless there is
 * one, and an intermediate below it that can name only the trust domain. Throws Fault `invalid_input` for a trust
 * domain that SPIFFE does not allow, `lint_failed`, and whatever the keys throw.
 */
export async function certifyAuthority(
  keys: { readonly root: SigningKey; readonly intermediate: SigningKey },
  options: RootOptions & { readonly rootCertificate: Certificate | null },
): Promise<AuthorityCertificates> {
  checkTrustDomain(options.trustDomain);
  const rootCertificate =
    options.rootCertificate ??
    (await signCaCertificate(rootTemplate(keys.root.publicKey, options), keys.root));
  const template = intermediateTemplate(rootCertificate, keys.intermediate.publicKey, options);
  return { rootCertificate, intermediateCertificate: await signCaCertificate(template, keys.root) };
}

/** The same with new P-256 keys of this process. */
export function createAuthority(options: RootOptions): NewAuthority {
  checkTrustDomain(options.trustDomain);
  const rootKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rootCertificate = signCaCertificateHere(rootTemplate(createPublicKey(rootKey), options), rootKey);
  return { rootKey, rootCertificate, ...createIntermediate(rootCertificate, rootKey, options) };
}

/** A root for a key: ten years unless given, path length 1. `name` tells it from the root that it takes the place of. */
export function rootTemplate(
  publicKey: KeyObject,
  options: RootOptions & { readonly name?: string },
): CaTemplate {
  const { trustDomain, clock, rootLife = 10 * year, organization, name } = options;
  return {
    subject: { commonName: name ?? `${trustDomain} root`, ...(organization ? { organization } : {}) },
    issuer: null,
    publicKey,
    now: clock.now(),
    life: rootLife,
    ca: { pathLength: 1 },
  };
}
