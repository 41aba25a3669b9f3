import { createBoundedRecord } from '../../audit/bounded-record.ts';
import { addressRanges } from '../../http/address-guard.ts';
import { type Client, createClient } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import { errorText } from '../../kernel/fault.ts';
import {
  type AuthorizationServer,
  openAuthorizationServer,
} from '../../oauth/server/authorization-server.ts';
import type { FileTokenRules } from '../../oauth/resource/token-rules.ts';
import type { TokenResources } from '../../oauth/server/resources.ts';
import { clientDocuments } from '../../oauth/server/client-documents.ts';
import { openTokenKeys } from '../../oauth/server/token-keys.ts';
import { tokenRecord } from '../../oauth/server/token-record.ts';
import { agentRegistry } from '../authority/agent-registry.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import type { TokenConfig } from '../config/token-settings.ts';

/** The authorization server at work. */
export interface RunningTokens extends AuthorizationServer, AsyncDisposable {}

/** How far the clocks of a gateway and of the authority may differ, in milliseconds. */
const clockDifference = 60_000;
const day = 24 * 60 * 60;

/** Opens the authorization server, and tells the gateways whose tokens count. Throws what opening its keys throws. */
export async function composeTokens(options: {
  readonly config: Config;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Where the two listeners are reached when nothing else is said. */
  readonly urls: { readonly authority: string; readonly people: string };
  /** The base of the gateways' endpoints; null while there is none. */
  readonly gatewayUrl: () => string | null;
}): Promise<RunningTokens> {
  const { config, authority, clock, log, urls } = options;
  const { store, audit, tokenSecrets: cipher } = authority;
  const settings = config.authority.tokens;
  await using opened = new AsyncDisposableStack();
  const strangers = opened.use(createBoundedRecord(audit, { type: 'tokens.refused' }));
  const afterglow = settings.accessSeconds * 1_000 + clockDifference;
  const keys = await openTokenKeys({
    records: store.oauth,
    secrets: cipher.secrets,
    clock,
    keptFor: afterglow,
  });
  const server = openAuthorizationServer({
    issuer: settings.issuer || urls.authority,
    peopleUrl: settings.peopleUrl || urls.people,
    records: store.oauth,
    cipher,
    keys,
    agents: agentRegistry(authority),
    clients: authority.tokenClients,
    people: {
      // A person who is disabled or forgotten is nobody, and their refresh tokens count no longer.
      async find(subject) {
        const person = await store.people.find(subject);
        if (person?.state !== 'active') return undefined;
        // Whom a provider vouches for, it vouches for as long as the login holds.
        if (person.addedAt === null && (await authority.people.explain(subject))?.ended !== null)
          return undefined;
        return { accountId: subject, claims: () => ({ sub: subject }) };
      },
      scopesOf: authority.people.scopesOf,
    },
    assertions: authority.assertions,
    documents: clientDocuments(await documentClient(settings, opened), clock),
    registration: settings.clientRegistration === 'open',
    resources: tokenResources(authority, settings, options.gatewayUrl),
    scopes: settings.scopes,
    record: tokenRecord({ records: store.oauth, audit, strangers }),
    lives: { access: settings.accessSeconds, refresh: settings.refreshDays * day },
    afterglow,
    clock,
    onError: (error) => log(`The authorization server failed: ${errorText(error)}`),
  });
  let retiring: NodeJS.Timeout | undefined;
  opened.defer(() => clearTimeout(retiring));
  const announce = (): void => {
    authority.announceTokens({ issuer: server.issuer, keys: server.keys() }, async (compromised) => {
      const kid = await keys.rotate(compromised);
      announce();
      return kid;
    });
    clearTimeout(retiring);
    // Gateways forget a key that signs no more with the last of its tokens, also when it was replaced before this start.
    if (server.keys().length > 1) retiring = setTimeout(announce, afterglow + 1_000).unref();
  };
  announce();
  opened.defer(
    authority.peers.onBeat(async () => {
      if (await keys.refresh()) announce();
    }),
  );
  const held = opened.move();
  return { ...server, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** What fetches the documents of clients; null when they are refused. */
async function documentClient(
  { clientDocuments: accepted, clientAddresses, clientAuthorities }: TokenConfig,
  opened: AsyncDisposableStack,
): Promise<Client | null> {
  if (accepted === 'refused') return null;
  const authorities = clientAuthorities === '' ? null : await readTextFile(clientAuthorities);
  const [connectMilliseconds, totalMilliseconds] = [3_000, 5_000];
  return opened.use(
    createClient({
      addressGuard: addressRanges(clientAddresses),
      limits: { connectMilliseconds, totalMilliseconds, bodyBytes: 32 * 1024 },
      ...(authorities !== null && { tls: { authorities } }),
    }),
  );
}

/** The servers behind the gateways, and all of them at once. */
function tokenResources(
  { store, tokenRules }: Pick<Authority, 'store' | 'tokenRules'>,
  { scopes, defaultScopes, agentScopes }: TokenConfig,
  gatewayUrl: () => string | null,
): TokenResources {
  return {
    defaultScopes,
    async find(uri) {
      const base = gatewayUrl();
      if (base === null || !uri.startsWith(`${base}/mcp`)) return null;
      const path = uri.slice(base.length);
      const name = /^\/mcp\/([a-z0-9._-]+)$/.exec(path)?.[1];
      const known = path === '/mcp' || (name !== undefined && (await store.servers.find(name)) !== null);
      if (!known) return null;
      const all = scopesAt(name ?? null, scopes, tokenRules());
      return { uri, scopes: all, agentScopes: agentScopes.filter((scope) => all.includes(scope)) };
    },
  };
}

/** The scopes that a token for a server may have: those of the settings, and whatever `tokens.yaml` wants there. Null for all servers. */
function scopesAt(
  server: string | null,
  always: readonly string[],
  { servers }: FileTokenRules,
): readonly string[] {
  const rules = [...servers].flatMap(([name, rule]) => (server === null || name === server ? [rule] : []));
  const wanted = rules.flatMap(({ scopes, demands }) => [
    ...scopes,
    ...demands.flatMap((demand) => [
      ...demand.scopes,
      ...(demand.stepUpScope === null ? [] : [demand.stepUpScope]),
    ]),
  ]);
  return [...new Set([...always, ...wanted])];
}
