import { generateKeyPairSync } from 'node:crypto';
import type { AuditEvent } from '../../audit/events.ts';
import type { AnswerHeaders, Connection, Exchange } from '../../http/exchange.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Caller } from '../../identity/caller.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { steppedClock, systemClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import { type AuthorizationServer, openAuthorizationServer } from './authorization-server.ts';
import { entryCipher } from './entry-cipher.ts';
import { memoryOauthRecords } from './memory-records.ts';
import type { OauthRecords } from './oauth-records.ts';
import { openTokenKeys } from './token-keys.ts';
import { tokenRecord } from './token-record.ts';

export const issuer = 'https://authority.example:8444';
export const peopleUrl = 'https://people.example:8445';
export const files = 'https://mcp.example/mcp/files';
export const mail = 'https://mcp.example/mcp/mail';

/** What an exchange was answered. */
export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** An authorization server with its records in memory, and agents whose certificates are their names. */
export interface TestServer {
  readonly server: AuthorizationServer;
  readonly records: OauthRecords;
  readonly clock: ReturnType<typeof steppedClock>;
  readonly events: AuditEvent[];
  /** People who can be let in. */
  readonly people: Set<string>;
  /** The scopes that they may give; all without an entry. */
  readonly mayGive: Map<string, ReadonlySet<string>>;
  /** A form sent to the `authority` listener; `as` is `<agent>` or `<agent>/<certificate>`. */
  post(
    path: string,
    form: Readonly<Record<string, string>> | string,
    as?: string | null,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** A page of the `people` listener, asked for with the cookies so far; a form makes it a POST. */
  open(url: string, browser: Browser, form?: Readonly<Record<string, string>>): Promise<Answer>;
  exchange(options: ExchangeOptions): Exchange & { readonly answer: () => Answer };
}

/** The cookies of a browser, by path and name. */
export class Browser {
  private readonly jar = new Map<string, { readonly path: string; readonly pair: string }>();

  keep(headers: AnswerHeaders): void {
    const set = headers['set-cookie'] ?? [];
    for (const line of typeof set === 'string' ? [set] : set) {
      const [pair = '', ...attributes] = line.split(/; */);
      const path = attributes.find((each) => each.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
      const name = pair.slice(0, pair.indexOf('='));
      if (/expires=Thu, 01 Jan 1970/i.test(line)) this.jar.delete(`${path} ${name}`);
      else this.jar.set(`${path} ${name}`, { path, pair });
    }
  }

  at(path: string): string {
    return [...this.jar.values()]
      .filter((cookie) => path === cookie.path || path.startsWith(cookie.path.replace(/\/?$/, '/')))
      .map(({ pair }) => pair)
      .join('; ');
  }
}

export interface ExchangeOptions {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly as?: string | null;
  /** A certificate that nobody vouches for. */
  readonly unverified?: Uint8Array;
}

export const spiffe = (name: string): string => `spiffe://example.internal/agent/${name}`;

const agent = (name: string): AgentRecord => ({
  name,
  owner: 'o',
  purpose: 'p',
  roles: [],
  buildDigest: null,
  device: null,
  state: 'active',
  createdAt: 0,
  lastSeen: null,
});

export async function openTestServer(
  more: Partial<Parameters<typeof openAuthorizationServer>[0]> = {},
): Promise<TestServer> {
  // The engine reads the machine's own time, and only what we keep follows this clock.
  const clock = steppedClock(systemClock.now());
  const records = memoryOauthRecords();
  const cipher = entryCipher(generateKeyPairSync('ed25519').privateKey);
  const keys = await openTokenKeys({ records, secrets: cipher.secrets, clock, keptFor: 360_000 });
  const events: AuditEvent[] = [];
  const record = async (event: AuditEvent): Promise<never> => {
    events.push(event);
    return undefined as never;
  };
  const people = new Set(['ada']);
  const mayGive = new Map<string, ReadonlySet<string>>();
  const scopes = ['mcp', 'mcp:write'];
  const server = openAuthorizationServer({
    issuer,
    peopleUrl,
    records,
    cipher,
    keys,
    agents: {
      async admit(certificate) {
        const [name = '', which = ''] = Buffer.from(certificate).toString().split('/');
        if (name === 'a gateway') throw new Fault('certificate_profile', 'a gateway');
        if (name === 'gone') throw new Fault('agent_inactive', 'gone');
        const caller = {
          name,
          spiffeId: spiffe(name),
          serial: `${name}-${which}`,
          thumbprint: sha256Base64url(certificate),
        } as unknown as Caller;
        return { caller, agent: agent(name) };
      },
      isGateway: async (certificate) => Buffer.from(certificate).toString() === 'a gateway',
      find: async (id) =>
        /^spiffe:\/\/example\.internal\/agent\/(?!gone)/.test(id) ? agent(id.slice(32)) : null,
    },
    clients: { find: async () => null },
    people: {
      find: async (id) => (people.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
      scopesOf: async (id) => mayGive.get(id) ?? null,
    },
    resources: {
      defaultScopes: ['mcp'],
      find: async (uri) => ([files, mail].includes(uri) ? { uri, scopes, agentScopes: ['mcp'] } : null),
    },
    assertions: {
      workload: () => Promise.reject(new Fault('workload_refused', 'none')),
      person: () => Promise.reject(new Fault('login_refused', 'none')),
    },
    registration: false,
    documents: { admits: () => false, fetch: () => Promise.reject(new TypeError('none')) },
    scopes,
    record: tokenRecord({ records, audit: { append: record }, strangers: { record } }),
    lives: { access: 300, refresh: 86_400 },
    afterglow: 360_000,
    clock,
    onError(error) {
      throw error;
    },
    ...more,
  });
  const made = { server, records, clock, events, people, mayGive, exchange: createExchange };
  return {
    ...made,
    async post(path, form, as = null, more = {}) {
      const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
      const type = 'application/x-www-form-urlencoded';
      const headers = { 'content-type': type, host: 'whatever.example', ...more };
      const exchange = createExchange({ method: 'POST', url: path, headers, body, as });
      await server.answer(exchange);
      return exchange.answer();
    },
    async open(url, browser, form) {
      const { pathname, search } = new URL(url, peopleUrl);
      const exchange = createExchange({
        method: form ? 'POST' : 'GET',
        url: pathname + search,
        headers: {
          host: new URL(peopleUrl).host,
          ...(browser.at(pathname) !== '' && { cookie: browser.at(pathname) }),
          ...(form && { origin: peopleUrl, 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form && { body: new URLSearchParams(form).toString() }),
      });
      await server.answerBrowser(exchange);
      browser.keep(exchange.answer().headers);
      return exchange.answer();
    },
  };
}

/** An exchange that belongs to no connection. */
function createExchange(options: ExchangeOptions): Exchange & { readonly answer: () => Answer } {
  const { pathname, searchParams } = new URL(options.url, issuer);
  const given = Object.entries(options.headers ?? {});
  let answered: Answer | null = null;
  const certificate = options.as ? Buffer.from(options.as) : null;
  const exchange = {
    id: randomId(),
    method: options.method,
    path: pathname,
    query: searchParams,
    headers: {
      get: (name: string) => given.find(([known]) => known === name.toLowerCase())?.[1] ?? null,
      entries: () => given,
    },
    connection: {
      certificate,
      address: '127.0.0.1',
      ...(options.unverified && { unverified: options.unverified }),
    } as unknown as Connection,
    body: () => Buffer.from(options.body ?? ''),
    async respond(status: number, headers: AnswerHeaders, body: Uint8Array | string = '') {
      const text = Buffer.from(body as string).toString();
      const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
      answered = { status, headers, text, json };
    },
    answer(): Answer {
      if (!answered) throw new Error('the exchange was not answered');
      return answered;
    },
  };
  return exchange as unknown as Exchange & { readonly answer: () => Answer };
}
