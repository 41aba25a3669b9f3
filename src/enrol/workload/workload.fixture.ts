import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { JSONWebKeySet, JWK } from 'jose';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { readNameTemplate } from './name-template.ts';
import { readSubjectPattern } from './subject-pattern.ts';
import type { WorkloadIssuer } from './workload-issuer.ts';

/** An issuer of tests with a key of its own. */
export interface TestIssuer {
  readonly keys: JSONWebKeySet;
  /** A token with these claims, signed; `header` stands in for the whole of it. */
  token(claims: JsonObject, header?: JsonObject): string;
}

export const issuerUrl = 'https://cluster.example.internal';
export const audience = 'countersign';

export function testIssuer(kid = 'one'): TestIssuer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    keys: { keys: [{ ...(publicKey.export({ format: 'jwk' }) as JWK), kid, use: 'sig' }] },
    token: (claims, header = { alg: 'ES256', kid }) => tokenOf(header, claims, privateKey),
  };
}

/** A JWT as its issuer writes it. */
export function tokenOf(header: JsonObject, claims: JsonObject | string, key: KeyObject): string {
  const encode = (part: JsonObject | string): string =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** Claims of a service account, for ten minutes. */
export function accountClaims(now: number, more: JsonObject = {}): JsonObject {
  const seconds = Math.floor(now / 1_000);
  return {
    iss: issuerUrl,
    aud: [audience],
    sub: 'system:serviceaccount:agents:ci-bot',
    iat: seconds,
    exp: seconds + 600,
    'kubernetes.io': { namespace: 'agents' },
    ...more,
  };
}

/** Service accounts of one namespace are agents of their name. */
export function issuerOf(more: Partial<WorkloadIssuer> = {}): WorkloadIssuer {
  const subject = readSubjectPattern('system:serviceaccount:agents:{account}');
  return {
    name: 'cluster',
    known: { issuer: issuerUrl },
    audience,
    longestLife: 3_600_000,
    once: true,
    rules: [
      {
        subject,
        claims: new Map([['/kubernetes.io/namespace', ['agents']]]),
        patterns: new Map(),
        name: readNameTemplate('{account}', subject.names),
        kind: 'agent',
        dnsNames: [],
      },
    ],
    ...more,
  };
}
