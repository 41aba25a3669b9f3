import { type AcmeDoor, openAcmeDoor } from '../../enrol/acme/acme-door.ts';
import { type ConnectionRefusals, createConnectionRefusals } from '../../audit/connection-refusals.ts';
import type { Exchange, Listener } from '../../http/exchange.ts';
import { addressRanges } from '../../http/address-guard.ts';
import { listen } from '../../http/listen.ts';
import { createNameResolver } from '../../http/name-resolver.ts';
import type { Clock } from '../../kernel/clock.ts';
import { authorityName } from '../../x509/leaf-profile.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import { tracedExchange } from '../telemetry/traced-exchange.ts';
import type { Tracer } from '../../telemetry/tracer.ts';
import { admitsUnverified, answerAuthority } from '../listeners/authority-routes.ts';
import { answerPeople } from '../listeners/people-routes.ts';
import { answerPlain } from '../listeners/plain-routes.ts';
import type { RunningEnds } from './compose-ends.ts';
import { consentDoor } from './consent-door.ts';
import { composeScep } from './compose-scep.ts';
import { sharedKey } from '../peers/shared-seal.ts';
import { peopleUrl } from './people-url.ts';
import { composeTokens, type RunningTokens } from './compose-tokens.ts';
import { holdOwnIdentity, type OwnIdentity } from './own-identity.ts';

/** The authority's listeners. */
export interface RunningAuthorityListeners extends AsyncDisposable {
  readonly authority: Listener;
  readonly people: Listener;
  readonly plain: Listener;
  /** Null when access tokens are not issued. */
  readonly tokens: RunningTokens | null;
}

/** Opens the `authority`, `people` and `plain` listeners around an authority that is open already. */
export async function composeAuthority(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly authority: Authority;
  readonly ends: RunningEnds;
  readonly redactor: Redactor;
  readonly log: (line: string) => void;
  /** The base of the gateways' endpoints; null while there is none. */
  readonly gatewayUrl: () => string | null;
  /** Null where nothing is traced. */
  readonly tracer: Tracer | null;
}): Promise<RunningAuthorityListeners> {
  const { config, clock, authority, ends, log } = options;
  await using opened = new AsyncDisposableStack();
  const identity = opened.use(await ownServerIdentity(authority, config, clock, log));
  const scep = config.authority.scep.door === 'open' ? opened.use(await composeScep(options)) : null;
  const acme = config.authority.acme.door === 'open' ? opened.use(await acmeDoor(authority, config)) : null;
  const open = async (
    name: 'authority' | 'people' | 'plain',
    clientCertificate: 'optional' | 'never' | null,
    handle: (exchange: Exchange, turnedAway: ConnectionRefusals['record']) => Promise<void>,
  ): Promise<Listener> => {
    const { host, port, origins, tlsMinimum } = config.listeners[name];
    const { publicUrl } = config.authority;
    // Everything at the plain listener is signed and public; who names it to others wants it reached by them.
    const open = name === 'plain' && publicUrl !== '';
    const hosts = open
      ? [...config.listeners.plain.hosts, new URL(publicUrl).host]
      : config.listeners[name].hosts;
    const tls = clientCertificate && {
      material: identity.current(),
      clientCertificate,
      minimumVersion: tlsMinimum,
    };
    const hsts = name === 'people';
    const refusals = opened.use(createConnectionRefusals(authority.audit, name));
    const listener = await listen({
      name,
      host,
      port,
      tls,
      hosts,
      origins,
      hsts,
      open,
      // OpenSSL fetches CRLs and asks for OCSP in HTTP/1.0.
      ...(name === 'plain' && { oldest: '1.0' }),
      handle: (exchange) =>
        tracedExchange(options.tracer, name, exchange, () => handle(exchange, refusals.record)),
      ...(name === 'authority' && { admitsUnverified }),
      ...(tls && { staple: ends.staple }),
      onRefused: refusals.record,
      clock,
      engine: config.http.engine,
    });
    if (tls) identity.onRenewed((material) => listener.replaceTls(material));
    return opened.use(listener);
  };
  let tokens: RunningTokens | null = null;
  const listeners = {
    authority: await open('authority', 'optional', (exchange, turnedAway) =>
      answerAuthority(exchange, { authority, acme, turnedAway, tokens }),
    ),
    people: await open('people', 'never', (exchange) =>
      answerPeople(exchange, authority.describe(), {
        bundle: authority.bundle,
        people: authority.people.door,
        atProviders: authority.people.atProviders,
        tokens,
        consent: tokens && consentDoor(authority, tokens),
      }),
    ),
    plain: await open('plain', null, (exchange) =>
      answerPlain(exchange, { authority: authority.describe(), ends, scep, now: clock.now() }),
    ),
  };
  const people = peopleUrl(config.listeners.people, listeners.people);
  await authority.store.meta.set('people-url', people);
  if (config.authority.tokens.door === 'open') {
    const urls = { authority: listeners.authority.url, people };
    tokens = opened.use(await composeTokens({ ...options, urls }));
  }
  const held = opened.move();
  return { ...listeners, tokens, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The names a certificate of ours carries: every host its listeners may be reached by. */
export function listenerNames(
  config: Config,
  names: readonly (keyof Config['listeners'])[],
): {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
} {
  const hosts = names.flatMap((name) => [config.listeners[name].host, ...config.listeners[name].hosts]);
  const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(':');
  const everywhere = new Set(['0.0.0.0', '::']);
  return {
    dnsNames: [...new Set(['localhost', ...hosts.filter((host) => !isAddress(host))])],
    ipAddresses: [
      ...new Set(['127.0.0.1', '::1', ...hosts.filter((host) => isAddress(host) && !everywhere.has(host))]),
    ],
  };
}

function acmeDoor(authority: Authority, config: Config): Promise<AcmeDoor> {
  const { addresses, resolvers, httpPort, tlsPort } = config.authority.acme;
  const { ca, store, subjects, attestations, bindingSecrets: secrets, peers } = authority;
  return openAcmeDoor({
    ca,
    accounts: store.acmeAccounts,
    orders: store.acmeOrders,
    subjects,
    attestations,
    secrets,
    outside: {
      resolver: createNameResolver(resolvers),
      addressGuard: addressRanges(addresses),
      httpPort,
      tlsPort,
    },
    ...(peers.self !== null && {
      others: {
        key: sharedKey(authority.auditKey, 'acme nonces'),
        used: store.usedTokens,
        clock: authority.clock,
        leads: () => peers.leads(),
        onBeat: (listener) => peers.onBeat(listener),
      },
    }),
  });
}

function ownServerIdentity(
  authority: Authority,
  config: Config,
  clock: Clock,
  log: (line: string) => void,
): Promise<OwnIdentity> {
  const names = listenerNames(config, ['authority', 'people']);
  return holdOwnIdentity({
    name: authorityName,
    ...names,
    issue: (csr, replaces) =>
      authority.issueFor({ name: authorityName, kind: 'server', csr, ...names }, 'authority', { replaces }),
    onChange: authority.issuers.onChange,
    clock,
    log,
  });
}
