import { createPrivateKey } from 'node:crypto';
import type { Authorities } from '../../bridge/authorities.ts';
import { newKey } from '../../bridge/authority-client.ts';
import { belongsTo, type Credentials } from '../../bridge/credentials.ts';
import { enrolmentPath } from '../../bridge/enrolment-path.ts';
import { firstRoots } from '../../bridge/first-roots.ts';
import { createKeyStore, type KeyStore } from '../../bridge/key-store.ts';
import { untilApproved } from '../../bridge/until-approved.ts';
import { renewalMoment } from '../../bridge/renewal-moment.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { checkLeaf, checkValidity } from '../../x509/leaf-profile.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import { parseSpiffeId } from '../../x509/spiffe-id.ts';
import { type AdminIdentity, callAuthority, type Trust } from '../admin/remote-administration.ts';
import type { FeedTrust } from '../feed/feed-message.ts';
import type { OwnIdentity } from './own-identity.ts';
import { untilReached } from './until-reached.ts';

/** How a gateway elsewhere gets and keeps its certificate. */
export interface Enrolling {
  /** Where key, certificate and roots lie. */
  readonly folder: string;
  readonly authorities: Authorities;
  readonly name: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** A join token, or the JWT of a workload. */
  readonly joinToken: string | null;
  readonly authorityFile: string | null;
  readonly rootFingerprint: string | null;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** A gateway's identity. */
export interface EnrolledIdentity extends OwnIdentity {
  readonly trustDomain: string;
  /** Goes by what the authority says: other roots at once, and a certificate of the intermediate that issues now. */
  follow(trust: FeedTrust): void;
}

/** How often the moment of renewal is looked for, and a failed renewal tried again, in milliseconds. */
const lookMilliseconds = 10_000;

/**
 * The gateway's stored identity, or a new one for a join token of kind `gateway`; renewed with a new key for as long
 * as it is held. An authority that is not there yet is waited for. Throws Fault `enrolment_needed`, `certificate_expired`, or what the authority says.
 */
export async function holdEnrolledIdentity(options: Enrolling): Promise<EnrolledIdentity> {
  const { clock, log } = options;
  const store = createKeyStore(options.folder, clock);
  let held = await untilReached(() => firstIdentity(store, options), log);
  const { trustDomain } = parseSpiffeId(held.leaf.uris[0] ?? '');
  checkLeaf(held.leaf, { trustDomain, kinds: ['gateway'] });
  const listeners: ((material: TlsMaterial) => void)[] = [];
  let busy = false;
  let trust: FeedTrust | null = null;
  /** A certificate of after the roots changed tells the authority that they are known here. */
  let wanted = false;
  const isDue = (): boolean =>
    wanted ||
    clock.now() >= renewalMoment(held.leaf) ||
    (trust !== null && trust.issuer !== held.leaf.authorityKeyId);
  const look = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      if (trust && trust.roots !== held.roots) {
        held = await trustOthers(store, held, trust.roots);
        wanted = true;
        for (const listener of listeners) listener(materialOf(held));
      }
      if (!isDue()) return;
      held = await obtain(store, options, identityOf(held), '/v1/enrol/renew', {});
      wanted = false;
      for (const listener of listeners) listener(materialOf(held));
    } catch (error) {
      log(
        `The certificate of gateway ${options.name} was not renewed and is tried again: ${errorText(error)}`,
      );
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void look(), lookMilliseconds);
  timer.unref();
  return {
    trustDomain,
    current: () => materialOf(held),
    onRenewed: (listener) => void listeners.push(listener),
    follow(heard) {
      trust = heard;
      void look();
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

async function trustOthers(store: KeyStore, held: Credentials, roots: string): Promise<Credentials> {
  decodePem(roots, 'CERTIFICATE').map(readCertificate);
  await using _lock = await store.lock();
  await store.trust(roots);
  return { ...held, roots };
}

async function firstIdentity(store: KeyStore, options: Enrolling): Promise<Credentials> {
  const stored = await store.load();
  if (stored && options.clock.now() <= stored.leaf.notAfter) return stored;
  if (options.joinToken === null) {
    const advice = `Make a token: countersign join-token create ${options.name} --kind gateway, then start once with --join-token-file.`;
    if (!stored) {
      throw new Fault('enrolment_needed', `There is no certificate in ${store.folder}. ${advice}`);
    }
    // The authority may have a grace for certificates that have ended.
    return await obtain(store, options, identityOf(stored), '/v1/enrol/renew', {}).catch((cause: unknown) => {
      const why = errorText(cause);
      throw new Fault(
        'certificate_expired',
        `The certificate in ${store.folder} has ended and was not renewed: ${why} ${advice}`,
        { cause },
      );
    });
  }
  const trust = { ...options, authority: options.authorities.urls.join() };
  const authorities = await firstRoots(trust);
  const token = { token: options.joinToken };
  return await obtain(store, options, { authorities }, enrolmentPath(options.joinToken), token);
}

/** Has a new key certified and puts both in place. */
async function obtain(
  store: KeyStore,
  options: Enrolling,
  as: AdminIdentity | Trust,
  path: string,
  more: { readonly [name: string]: Json },
): Promise<Credentials> {
  await using _lock = await store.lock();
  const { name, dnsNames, ipAddresses } = options;
  // A request that waits for an administrator is for one key, also after a restart; a renewal needs a new one.
  const key = ('token' in more && (await store.prepared())) || newKey();
  await store.prepare(key);
  const request = buildRequest(createPrivateKey(key), { commonName: name }, { dnsNames, ipAddresses });
  const csr = encodePem('CERTIFICATE REQUEST', request);
  const ask = (authority: string): Promise<Json> =>
    callAuthority(new URL(path, authority), as, { ...more, csr });
  const delivery = await untilApproved(() => options.authorities.ask(ask), options.log);
  const certificate = isJsonObject(delivery) ? delivery['certificate'] : null;
  const roots = isJsonObject(delivery) ? delivery['roots'] : null;
  if (typeof certificate !== 'string' || typeof roots !== 'string') {
    throw new Fault('unavailable', 'The authority answered without a certificate. Check --authority.');
  }
  const [der] = decodePem(certificate, 'CERTIFICATE');
  const leaf = der && readCertificate(der);
  if (!leaf || !belongsTo(leaf, createPrivateKey(key))) {
    throw new Fault(
      'certificate_profile',
      'The certificate that came back is not for the key that was sent.',
    );
  }
  checkValidity(leaf, options.clock.now());
  await store.commit(certificate, roots);
  return { certificate, key, roots, leaf };
}

function identityOf({ certificate, key, roots }: Credentials): AdminIdentity {
  return { certificate, key, authorities: roots ?? '' };
}

function materialOf({ certificate, key, roots }: Credentials): TlsMaterial {
  return { certificate, key, clientAuthorities: roots ?? '' };
}
