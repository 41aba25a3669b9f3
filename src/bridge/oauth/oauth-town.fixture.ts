import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Exchange, Listener } from '../../http/exchange.ts';
import { createClient } from '../../http/fetch.ts';
import { listen } from '../../http/listen.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { type FixtureAuthority, startAuthority } from '../authority.fixture.ts';
import { answerLegacy, createFixtureClient, type FixtureClient, quick } from '../bridge.fixture.ts';
import { type ServerBridgeOptions, startServerBridge } from '../server-bridge.ts';
import { createFixtureIssuer, type FixtureIssuer, tokenTrouble } from './issuer.fixture.ts';
import type { SignInOptions } from './open-tokens.ts';
import type { SignInSettings } from './sign-in.ts';

/** Somebody else's MCP server with its authorization server, and a person with a browser. */
export interface OAuthTown extends AsyncDisposable {
  readonly authority: FixtureAuthority;
  readonly issuer: FixtureIssuer;
  readonly server: string;
  readonly folder: string;
  /** Metadata of the resource by path; what is not there is 404. */
  readonly resource: Map<string, object>;
  /** The scopes that a method wants. */
  readonly scopes: Map<string, readonly string[]>;
  /** What the challenge says beside its error. */
  challenge: (error: string, scopes: readonly string[]) => Record<string, string>;
  /** Requests that reached the MCP server. */
  readonly seen: Exchange[];
  /** Pages that were shown, and codes. */
  readonly pages: string[];
  readonly log: string[];
  /** What the person does with a page. */
  visit: (url: string) => Promise<void>;
  signIn(more?: Partial<SignInSettings>, options?: Partial<SignInOptions>): SignInOptions;
  connect(more?: Partial<ServerBridgeOptions>): Promise<FixtureClient>;
}

const usual: SignInSettings = {
  way: 'auto',
  issuer: null,
  scopes: [],
  client: { configured: null, document: null, register: true },
};

export async function openOAuthTown(clock: Clock = systemClock): Promise<OAuthTown> {
  const authority = await startAuthority();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  await writeFile(join(folder, 'roots.pem'), authority.root);
  await using opening = new AsyncDisposableStack();
  opening.use(authority);
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const issuer = createFixtureIssuer('');
  const place = await openElsewhere(authority, async (exchange) => {
    if (!(await issuer.handle(exchange))) await exchange.respond(404, {});
  });
  issuer.issuer = place.url;
  const resources = await openElsewhere(authority, (exchange) => answer(exchange));
  opening.defer(() => resources.close());
  opening.defer(() => place.close());
  const http = opening.use(createClient({ tls: { authorities: authority.root }, addressGuard: 'any' }));
  const server = `${resources.url}/mcp`;
  const path = '/.well-known/oauth-protected-resource/mcp';
  const held = opening.move();
  const town: OAuthTown = {
    authority,
    issuer,
    server,
    folder,
    resource: new Map([[path, { resource: server, authorization_servers: [place.url] }]]),
    scopes: new Map(),
    challenge: () => ({ resource_metadata: `${resources.url}${path}` }),
    seen: [],
    pages: [],
    log: [],
    async visit(url) {
      const page = await http.request({ method: 'GET', url });
      const { location } = page.headers;
      if (location !== undefined) await http.request({ method: 'GET', url: location });
    },
    signIn: (more = {}, options = {}) => ({
      settings: { ...usual, ...more },
      callbackPort: null,
      hasBrowser: true,
      showPage(url) {
        town.pages.push(url);
        void town.visit(url).catch(() => undefined);
      },
      showCode: ({ url, code }) => void town.pages.push(`${url} ${code}`),
      ...options,
    }),
    async connect(more = {}) {
      const [input, output] = [new PassThrough(), new PassThrough()];
      const bridge = await startServerBridge({
        server,
        rootsFile: join(folder, 'roots.pem'),
        stateFolder: join(folder, 'state'),
        environment: {},
        signIn: town.signIn(),
        face: { kind: 'stdio', input, output },
        clock,
        log: (line) => town.log.push(line),
        limits: quick,
        ...more,
      });
      held.use(bridge);
      return createFixtureClient(bridge, input, output);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
  return town;

  async function answer(exchange: Exchange): Promise<void> {
    const document = town.resource.get(exchange.path);
    if (document) {
      return await exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify(document));
    }
    if (exchange.path !== '/mcp') return await exchange.respond(404, {});
    town.seen.push(exchange);
    const body = await exchange.body({ bytes: 1_000_000, milliseconds: 5_000 });
    const message = (body.length > 0 ? JSON.parse(Buffer.from(body).toString()) : {}) as JsonObject;
    const scopes = town.scopes.get(message['method'] as string) ?? [];
    const trouble = tokenTrouble(exchange, issuer, { resource: server, scopes, bound: false });
    if (trouble === null) return await answerLegacy({ exchange, message });
    const parameters = {
      ...(trouble !== 'none' && { error: trouble }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      ...town.challenge(trouble, scopes),
    };
    await exchange.respond(trouble === 'insufficient_scope' ? 403 : 401, {
      'www-authenticate': challengeOf(parameters),
    });
  }
}

/** A Bearer challenge. */
export function challengeOf(parameters: Readonly<Record<string, string>>): string {
  const parts = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  return `Bearer ${parts.join(', ')}`.trim();
}

/** A server of somebody else; it asks for a certificate, to see that it gets none. */
export function openElsewhere(
  authority: FixtureAuthority,
  handle: (exchange: Exchange) => Promise<void>,
): Promise<Listener> {
  return listen({
    name: 'other',
    host: '127.0.0.1',
    port: 0,
    tls: { material: authority.material('files'), clientCertificate: 'optional', minimumVersion: 'TLSv1.3' },
    hosts: [],
    origins: [],
    handle,
    clock: systemClock,
  });
}
