import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { type Client, createClient } from '../http/fetch.ts';
import { equalBytes } from '../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { type Certificate, isSignedBy, readCertificate } from '../x509/certificate.ts';
import { checkLeaf, checkValidity } from '../x509/leaf-profile.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { buildRequest } from '../x509/request.ts';
import { parseSpiffeId } from '../x509/spiffe-id.ts';
import { askAnyAuthority } from './authorities.ts';
import { belongsTo, type Credentials } from './credentials.ts';
import type { enrolmentPath } from './enrolment-path.ts';
import { explainFailure, explainStatus } from './explain-failure.ts';
import { requireAuthority } from './require-peer.ts';

/** A certificate from the authority, checked. PEM. */
export interface Delivered {
  readonly certificate: string;
  readonly roots: string;
  readonly leaf: Certificate;
}

/** One order at the authority. */
export interface Order {
  /** An https URL, or several with commas between: the next is asked when one cannot be. */
  readonly authority: string;
  readonly path:
    | ReturnType<typeof enrolmentPath>
    | '/v1/enrol/person'
    | '/v1/enrol/renew'
    | '/v1/enrol/sub-agent';
  /** What goes with the request. */
  readonly token: string | null;
  /** The agent; null lets the authority say which one it is, for a person who logged in. */
  readonly name: string | null;
  /** The new private key, PEM. */
  readonly key: string;
  /** What the authority's own certificate and the new one must chain to. */
  readonly roots: string;
  readonly present: Pick<Credentials, 'certificate' | 'key' | 'leaf'> | null;
  /** What else the door wants to know. */
  readonly more?: JsonObject;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const limits = { totalMilliseconds: 30_000, bodyBytes: 256 * 1024 };

/** A new P-256 key as PKCS #8 PEM. It never leaves this machine. */
export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
}

/**
 * Sends a request for the key and checks what comes back: made for this key and agent, signed up to the root. Throws
 * Fault with the authority's own code when it refuses, `gateway_untrusted`, `unavailable`, `timed_out`, …
 */
export async function order(order: Order): Promise<Delivered> {
  return await askAnyAuthority(order.authority, (authority) => orderAt({ ...order, authority }));
}

async function orderAt(order: Order): Promise<Delivered> {
  await using client = createClient({
    tls: {
      ...order.present,
      authorities: order.roots,
      inspect: requireAuthority(order.present?.leaf ?? null),
    },
    addressGuard: 'any',
    limits,
  });
  const delivery = await ask(client, order);
  return checkDelivery(delivery, order);
}

async function ask(client: Client, order: Order): Promise<Json> {
  const csr = encodePem(
    'CERTIFICATE REQUEST',
    buildRequest(createPrivateKey(order.key), { commonName: order.name }),
  );
  const place = new URL(order.authority).origin;
  const body = JSON.stringify({
    ...(order.token !== null && { token: order.token }),
    ...(order.path === '/v1/enrol/person' && order.name !== null && { agent: order.name }),
    ...order.more,
    csr,
  });
  const url = new URL(order.path, order.authority).href;
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const signal = order.signal ? { signal: order.signal } : {};
  const request = { method: 'POST', url, headers, body, ...signal };
  const answer = await client.request(request).catch((error: unknown) => {
    throw explainFailure(error, { place: `the authority ${place}`, leaf: null, now: order.clock.now() });
  });
  if (answer.status !== 200) throw explainStatus(answer.status, answer.body, `The authority ${place}`);
  return answer.json();
}

function checkDelivery(delivery: Json, { name, key, roots, clock }: Order): Delivered {
  const certificate = isJsonObject(delivery) ? delivery['certificate'] : null;
  const newRoots = isJsonObject(delivery) ? delivery['roots'] : null;
  if (typeof certificate !== 'string' || typeof newRoots !== 'string') {
    throw new Fault('unavailable', 'The authority answered without a certificate. Check --authority.');
  }
  const chain = decodePem(certificate, 'CERTIFICATE').map(readCertificate);
  const [leaf] = chain;
  if (!leaf || !belongsTo(leaf, createPrivateKey(key))) {
    throw new Fault('certificate_profile', "The authority's certificate is not for the key that was sent.");
  }
  const { trustDomain } = parseSpiffeId(leaf.uris[0] ?? '');
  const identity = checkLeaf(leaf, { trustDomain, kinds: ['agent', 'ephemeral'] });
  if (name !== null && identity.name !== name) {
    throw new Fault(
      'certificate_profile',
      `The token is for the agent ${identity.name}, not for ${name}. Start with --agent ${identity.name}.`,
    );
  }
  checkChain(chain, decodePem(roots, 'CERTIFICATE').map(readCertificate));
  checkValidity(leaf, clock.now());
  decodePem(newRoots, 'CERTIFICATE').map(readCertificate);
  return { certificate, roots: newRoots, leaf };
}

function checkChain(chain: readonly Certificate[], roots: readonly Certificate[]): void {
  chain.forEach((certificate, at) => {
    const next = chain[at + 1];
    const issuers = next ? [next] : roots;
    const signed = issuers.some(
      (issuer) =>
        issuer.isCa &&
        equalBytes(issuer.subjectDer, certificate.issuerDer) &&
        isSignedBy(certificate, issuer.publicKey),
    );
    if (!signed) {
      throw new Fault(
        'gateway_untrusted',
        'The certificate does not chain to the root that is trusted here.',
      );
    }
  });
}
