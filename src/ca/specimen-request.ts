import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { buildRequest, type CertificateRequest, readRequest } from '../x509/request.ts';
import type { CertificateOrder } from './approve.ts';
import type { Evidence } from './evidence.ts';

/** A fresh P-256 private key. */
export function freshKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** A well-formed order for the agent `ci-bot` with a fresh key, changed as told. For specifications. */
export function specimenOrder(
  changes: {
    readonly evidence?: Partial<Evidence>;
    readonly request?: CertificateRequest;
    readonly requestedLife?: number | null;
  } = {},
): CertificateOrder {
  const evidence: Evidence = {
    door: 'join-token',
    name: 'ci-bot',
    kind: 'agent',
    owner: 'first-admin',
    dnsNames: [],
    ipAddresses: [],
    replaces: null,
    ...changes.evidence,
  };
  return {
    evidence,
    request: changes.request ?? specimenRequest(evidence.name),
    requestedLife: changes.requestedLife ?? null,
  };
}

/** A request that was read, for a name and further names. */
export function specimenRequest(
  commonName: string,
  names: Parameters<typeof buildRequest>[2] = {},
  key: KeyObject = freshKey(),
): CertificateRequest {
  return readRequest(buildRequest(key, { commonName }, names));
}
