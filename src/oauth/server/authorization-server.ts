import type Provider from 'oidc-provider';
import type { Exchange } from '../../http/exchange.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { toFault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import { answerPage, sendOn } from '../people/page.ts';
import { requireOwnPage } from '../people/relying-party.ts';
import type { EntryCipher } from './entry-cipher.ts';
import type { Assertions } from './assertions.ts';
import type { ClientDocuments } from './client-documents.ts';
import { type Handing, HandedRequest, HeldResponse } from './handed-request.ts';
import { dynamicClients } from './dynamic-clients.ts';
import { withDefaultScope } from './default-scope.ts';
import {
  finishInteraction,
  type InteractionDetails,
  interactionDetails,
  type InteractionResult,
} from './interactions.ts';
import type { RegisteredClients } from './registered-clients.ts';
import type { OauthRecords } from './oauth-records.ts';
import type { PeopleDirectory } from './people-directory.ts';
import type { AgentRegistry, PresentedAgent } from './presented-agent.ts';
import type { TokenResources } from './resources.ts';
import { answerStructured } from './structured-tokens.ts';
import type { TokenKeys } from './token-keys.ts';
import type { TokenRecord } from './token-record.ts';
import { isBrowserPath, metadataPaths, programPaths, routes } from './token-routes.ts';

/** The OAuth 2.1 authorization server, whatever engine is behind it. */
export interface AuthorizationServer {
  /** `iss`: where the listener is reached that programs call. */
  readonly issuer: string;
  /** Public JWKs (RFC 7517) that its tokens verify with. */
  keys(): readonly JsonObject[];
  /** Whether a path of the `authority` listener is its own. */
  serves(path: string): boolean;
  /** Answers one exchange of the `authority` listener. */
  answer(exchange: Exchange): Promise<void>;
  /** The same of the `people` listener, where browsers come with requests of clients and with codes of devices. */
  servesBrowser(path: string): boolean;
  answerBrowser(exchange: Exchange): Promise<void>;
  /** What a person is asked for, at `/interaction/<uid>`. Throws Fault `not_found`. */
  details(exchange: Exchange): Promise<InteractionDetails>;
  /** Takes the answer and sends the browser on. Throws Fault `not_found`, `login_refused`. */
  finish(exchange: Exchange, result: InteractionResult): Promise<void>;
}

export interface AuthorizationServerOptions {
  /** Without a path, so that its metadata is where every client looks first (RFC 8414 §3.1). */
  readonly issuer: string;
  /** Where browsers reach the `people` listener. */
  readonly peopleUrl: string;
  readonly records: OauthRecords;
  readonly cipher: EntryCipher;
  readonly keys: TokenKeys;
  readonly agents: AgentRegistry;
  readonly clients: RegisteredClients;
  readonly people: PeopleDirectory;
  readonly resources: TokenResources;
  readonly documents: ClientDocuments;
  /** Whether clients may register themselves (RFC 7591). */
  readonly registration: boolean;
  readonly assertions: Assertions;
  /** Scopes that no server is known to have yet may be asked for as well. */
  readonly scopes: readonly string[];
  readonly record: TokenRecord;
  /** In seconds. */
  readonly lives: { readonly access: number; readonly refresh: number };
  /** How long a token may still be believed once it is over, in milliseconds: its life and every clock difference. */
  readonly afterglow: number;
  readonly clock: Clock;
  /** Told what the engine did not expect. */
  readonly onError: (error: unknown) => void;
}

const formLimit = { bytes: 56 * 1024, milliseconds: 10_000 };

/** Opens the authorization server. Its engine is loaded with the first request that needs it: it is large, and not everybody issues tokens. */
export function openAuthorizationServer(options: AuthorizationServerOptions): AuthorizationServer {
  const { issuer, keys } = options;
  const engines = createEngines(options);
  const registration = options.registration ? dynamicClients(options) : null;
  return {
    issuer,
    keys: keys.publicKeys,
    serves: (path) => programPaths.has(path) || (registration !== null && path === routes.registration),
    async answer(exchange) {
      if (exchange.path === routes.jwks) return await answerKeys(exchange, keys);
      const { agent, refusal } = await agentBehind(exchange, options.agents);
      const sent = await exchange.body(formLimit);
      const registers = registration !== null && exchange.path === routes.registration;
      const form = registers ? await registration.admit(exchange, sent) : sent;
      if (!form) return;
      if (asksAboutTokens.has(exchange.path)) {
        const gateway = !agent && (await isGateway(exchange, options.agents));
        const client = async () => await clientBehind({ exchange, refusal, form }, await engines(), options);
        if (await answerStructured(exchange, form, { agent, gateway, client }, options)) return;
      }
      const host = new URL(issuer).host;
      const { url, body } = withDefaultScope(exchange, form, options.resources.defaultScopes);
      await hand({ exchange, agent, refusal, host, url, body }, await engines(), options);
    },
    servesBrowser: isBrowserPath,
    async answerBrowser(exchange) {
      if (exchange.method === 'POST') requireOwnPage(exchange);
      const form = await exchange.body(formLimit);
      const host = new URL(options.peopleUrl).host;
      const { url, body } = withDefaultScope(exchange, form, options.resources.defaultScopes);
      // A link to the device page brings its code along; whether it is the right one the person says.
      const path = exchange.path === routes.code_verification ? exchange.path : url;
      const fresh = exchange.method === 'GET' && begins.has(exchange.path);
      const handing = { exchange, agent: null, refusal: null, host, url: path, body, fresh };
      await hand(handing, await engines(), options);
    },
    details: async (exchange) => await interactionDetails(exchange, { engine: await engines(), options }),
    async finish(exchange, result) {
      const onward = await finishInteraction(exchange, result, { engine: await engines(), options });
      await sendOn(exchange, onward);
    },
  };
}

const asksAboutTokens: ReadonlySet<string> = new Set([routes.introspection, routes.revocation]);

/** Where something begins that no earlier visit has a say in. */
const begins: ReadonlySet<string> = new Set([routes.authorization, routes.code_verification]);

interface WithoutCertificate {
  readonly exchange: Exchange;
  readonly refusal: string | null;
  readonly form: Uint8Array;
}

/**
 * The client that asks about a token without the certificate of an agent, once it has shown by its own method that it is that
 * client: the engine is asked about a token that is none. Null once the engine's refusal is the answer.
 */
async function clientBehind(
  { exchange, refusal, form }: WithoutCertificate,
  engine: Provider,
  options: AuthorizationServerOptions,
): Promise<string | null> {
  const fields = new URLSearchParams(Buffer.from(form).toString());
  fields.set('token', randomId());
  const handing = {
    exchange,
    agent: null,
    refusal,
    host: new URL(options.issuer).host,
    url: exchange.path,
    body: Buffer.from(fields.toString()),
  };
  const { request, response } = await run(handing, engine);
  if (response.statusCode === 200) return request.client;
  await exchange.respond(response.statusCode, { ...response.fields, ...strict }, response.body);
  return null;
}

/** Puts a request to the engine and its answer to the exchange. */
async function hand(handing: Handing, engine: Provider, options: AuthorizationServerOptions): Promise<void> {
  const { request, response } = await run(handing, engine);
  const { exchange } = handing;
  const { page } = request;
  if (page) return await answerPage(exchange, { ...page, cookie: response.cookies });
  const body = readdressed(exchange.path, response.body, options);
  await exchange.respond(response.statusCode, { ...response.fields, ...strict }, body);
}

async function run(handing: Handing, engine: Provider) {
  const request = new HandedRequest(handing);
  const response = new HeldResponse(request);
  try {
    await engine.callback()(request, response);
  } finally {
    request.socket.destroy();
  }
  return { request, response };
}

const strict = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/** The addresses that browsers open are at another listener, which never asks for a certificate. */
function readdressed(path: string, body: Uint8Array, { peopleUrl }: AuthorizationServerOptions): Uint8Array {
  if (!metadataPaths.has(path) && path !== routes.device_authorization) return body;
  // Browsers do not do RP-initiated logout here, and the one token endpoint asks for a certificate itself.
  const {
    mtls_endpoint_aliases: _aliases,
    end_session_endpoint: _end,
    ...rest
  } = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>;
  if (metadataPaths.has(path)) rest['authorization_grant_profiles_supported'] = [identityAssertionProfile];
  for (const name of browserAddresses) {
    const address = rest[name];
    if (typeof address !== 'string') continue;
    const { pathname, search } = new URL(address);
    rest[name] = new URL(pathname + search, peopleUrl).href;
  }
  return Buffer.from(JSON.stringify(rest));
}

/** draft-ietf-oauth-identity-assertion-authz-grant §7.1: identity assertions are taken here. */
const identityAssertionProfile = 'urn:ietf:params:oauth:grant-profile:id-jag';
const browserAddresses = ['authorization_endpoint', 'verification_uri', 'verification_uri_complete'];

/** The engine of the key that signs now; another one when the key was replaced. */
function createEngines(options: AuthorizationServerOptions): () => Promise<Provider> {
  let current: { readonly kid: string; readonly engine: Promise<Provider> } | null = null;
  const open = async (): Promise<Provider> => {
    const { createEngine } = await import('./engine.ts');
    const engine = createEngine(options, options.keys.signing());
    engine.on('server_error', (_ctx, error) => options.onError(error));
    return engine;
  };
  return () => {
    const { kid } = options.keys.signing();
    if (current?.kid !== kid) current = { kid, engine: open() };
    return current.engine;
  };
}

async function answerKeys(exchange: Exchange, keys: TokenKeys): Promise<void> {
  const headers = { 'content-type': 'application/jwk-set+json', 'cache-control': 'max-age=300' };
  await exchange.respond(200, headers, JSON.stringify({ keys: keys.publicKeys() }));
}

/** A certificate that is not accepted is as good as none, and its reason goes to the log, not to the peer. */
async function agentBehind(
  { connection: { certificate } }: Exchange,
  agents: AgentRegistry,
): Promise<{ readonly agent: PresentedAgent | null; readonly refusal: string | null }> {
  if (!certificate) return { agent: null, refusal: null };
  try {
    return { agent: await agents.admit(certificate), refusal: null };
  } catch (error) {
    const fault = toFault(error);
    if (fault.code === 'internal' || fault.code === 'unavailable') throw error;
    return { agent: null, refusal: `${fault.code}: ${fault.message}` };
  }
}

async function isGateway({ connection: { certificate } }: Exchange, agents: AgentRegistry): Promise<boolean> {
  return certificate !== null && (await agents.isGateway(certificate));
}
