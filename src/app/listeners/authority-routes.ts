import { z } from 'zod';
import type { TurnedAway } from '../../audit/connection-refusals.ts';
import type { AuditEvent } from '../../audit/log.ts';
import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { readCertificate } from '../../x509/certificate.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { AcmeDoor } from '../../enrol/acme/acme-door.ts';
import type { AuthorizationServer } from '../../oauth/server/authorization-server.ts';
import { programPaths } from '../../oauth/server/token-routes.ts';
import { findOperation } from '../admin/operations.ts';
import type { Authority } from '../authority/authority.ts';
import { readFlowReport } from '../feed/flow-reports.ts';
import type { ServerState } from '../feed/server-states.ts';
import type { Seen } from '../feed/sightings.ts';
import { streamFeed } from '../feed/stream-feed.ts';
import { callRoutes } from './call-routes.ts';
import { answerBundle } from './people-routes.ts';
import { estRoutes } from './est-routes.ts';
import { holderOf } from './holder.ts';
import { answerJson, member, readObject } from './json-exchange.ts';
import { personRoutes } from './person-routes.ts';
import type { Holder, Route } from './route.ts';
import { subAgentRoutes } from './sub-agent-routes.ts';
import { readToolReports } from './tool-reports.ts';
import { witnessRoutes } from './witness-routes.ts';

const routes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/v1\/trust$/,
    kinds: null,
    answer: ({ exchange, authority }) => answerJson(exchange, { ...authority.describe() }),
  },
  {
    method: 'GET',
    path: /^\/bundle$/,
    kinds: null,
    answer: async ({ exchange, authority }) => await answerBundle(exchange, await authority.bundle()),
  },
  {
    method: 'POST',
    path: /^\/v1\/enrol\/join-token$/,
    kinds: null,
    async answer({ exchange, authority }) {
      const input = await readObject(exchange);
      const token = member(input, 'token');
      await answerJson(exchange, {
        ...(await authority.redeem(token, member(input, 'csr'), exchange.connection.address)),
      });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/enrol\/workload$/,
    kinds: null,
    async answer({ exchange, authority }) {
      const input = await readObject(exchange);
      const [token, csr] = [member(input, 'token'), member(input, 'csr')];
      await answerJson(exchange, {
        ...(await authority.enrolWorkload(token, csr, exchange.connection.address)),
      });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/enrol\/renew$/,
    kinds: ['agent', 'ephemeral', 'server', 'gateway', 'admin'],
    unverified: true,
    async answer({ exchange, authority, holder }) {
      const input = await readObject(exchange);
      await answerJson(exchange, { ...(await authority.renew(proven(holder).record, member(input, 'csr'))) });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/admin\/([a-z.-]+)$/,
    kinds: ['admin'],
    async answer({ exchange, authority, match, holder }) {
      const operation = findOperation(match[1] ?? '');
      const input = await readObject(exchange);
      const actor = { name: proven(holder).caller.name, way: 'remote' } as const;
      await answerJson(exchange, await operation.run(authority, input, actor));
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/seen$/,
    kinds: ['gateway'],
    async answer({ exchange, authority }) {
      await authority.agentsSeen(readSeen(await readObject(exchange)));
      await answerJson(exchange, {});
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/servers$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      const { name } = proven(holder).caller;
      authority.serverStates.heard(name, readServerStates(await readObject(exchange)));
      await answerJson(exchange, {});
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/tools$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      await authority.tools.heard(proven(holder).caller.name, await readToolReports(exchange));
      await answerJson(exchange, {});
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/flows$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      authority.flowReports.heard(proven(holder).caller.name, readFlowReport(await readObject(exchange)));
      await answerJson(exchange, {});
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/feed$/,
    kinds: ['gateway'],
    answer: ({ exchange, authority, holder }) => streamFeed(exchange, authority, proven(holder).caller),
  },
  {
    method: 'GET',
    path: /^\/v1\/feed\/now$/,
    kinds: ['gateway'],
    answer: ({ exchange, authority }) => answerJson(exchange, { ...authority.feed.now() }),
  },
  ...callRoutes,
  ...estRoutes,
  ...personRoutes,
  ...subAgentRoutes,
  ...witnessRoutes,
];

/** Whether a request may come with a certificate that did not verify. */
export function admitsUnverified({ method, path }: Pick<Exchange, 'method' | 'path'>): boolean {
  if (method === 'POST' && programPaths.has(path)) return true;
  return routes.some((route) => route.unverified && route.method === method && route.path.test(path));
}

/** The authority behind its listener. */
export interface AuthorityDoors {
  readonly authority: Authority;
  /** Null when it is closed. */
  readonly acme: AcmeDoor | null;
  /** Null when it is closed, or not open yet. */
  readonly tokens: Pick<AuthorizationServer, 'serves' | 'answer'> | null;
  /** Told of who was refused without a certificate of ours. */
  readonly turnedAway: (stranger: TurnedAway) => void;
}

/** Answers the `authority` listener: enrolment, renewal, trust, administration and the gateways' feed. */
export async function answerAuthority(exchange: Exchange, doors: AuthorityDoors): Promise<void> {
  const { authority, acme, tokens } = doors;
  if (acme?.serves(exchange.path)) return acme.answer(exchange);
  try {
    if (tokens?.serves(exchange.path)) return await tokens.answer(exchange);
    for (const route of routes) {
      const match = route.method === exchange.method ? route.path.exec(exchange.path) : null;
      if (!match) continue;
      const holder = route.kinds ? await admit(exchange, doors, { ...route, kinds: route.kinds }) : null;
      return await route.answer({ exchange, authority, match, holder });
    }
    throw new Fault('not_found', `${exchange.method} ${exchange.path} is not offered by this listener.`);
  } catch (error) {
    if (!exchange.answered) await answerProblem(exchange, toFault(error));
  }
}

type GuardedRoute = Pick<Route, 'unverified'> & { readonly kinds: readonly LeafKind[] };

/** The holder that a route demands; who is not is refused, and the refusal is in the log. */
async function admit(exchange: Exchange, doors: AuthorityDoors, route: GuardedRoute): Promise<Holder> {
  const { certificate, unverified, address } = exchange.connection;
  try {
    return await holderOf(certificate ?? (route.unverified && unverified) ?? null, doors.authority, route);
  } catch (error) {
    const { code, message: reason } = toFault(error);
    // Strangers can be refused as often as they like; whose certificate is ours cannot.
    if (!certificate) doors.turnedAway({ stage: 'http', address, reason });
    else await doors.authority.audit.append({ ...refusalOf(exchange, certificate), address, code, reason });
    throw error;
  }
}

function refusalOf({ method, path }: Exchange, shown: Uint8Array): AuditEvent {
  const [serial, spiffeId] = namesIn(shown);
  return /^\/(?:v1\/enrol|\.well-known\/est)\//.test(path)
    ? { type: 'certificate.refused', door: 'renewal', serial, spiffeId }
    : { type: 'admin.command', actor: spiffeId, serial, way: 'remote', command: `${method} ${path}` };
}

/** Serial and first URI name, as far as the octets can be read. */
function namesIn(der: Uint8Array): readonly [string | null, string | null] {
  try {
    const { serial, uris } = readCertificate(der);
    return [serial, uris[0] ?? null];
  } catch {
    return [null, null];
  }
}

function proven(holder: Holder | null): Holder {
  if (!holder) throw new Fault('certificate_required', 'This needs a client certificate.');
  return holder;
}

function readSeen({ agents }: JsonObject): Seen {
  const seen = isJsonObject(agents) ? Object.entries(agents) : [];
  const whole = seen.filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]));
  if (whole.length !== seen.length || seen.length === 0) {
    throw new Fault('invalid_input', 'The body needs agents, an object of times by name.');
  }
  return Object.fromEntries(whole);
}

const serverStates = z.array(
  z.strictObject({
    name: z.string().regex(namePattern),
    state: z.enum(['up', 'down', 'idle']),
    circuit: z.enum(['closed', 'open', 'half-open']),
    agentsLeftAlone: z.number().int().nonnegative(),
    detail: z.string().max(200),
  }),
);

function readServerStates({ servers }: JsonObject): readonly ServerState[] {
  const parsed = serverStates.safeParse(servers);
  if (parsed.success) return parsed.data;
  throw new Fault('invalid_input', 'The body needs servers, a list of how each of them is.');
}
