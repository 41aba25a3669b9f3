import type { Exchange } from '../../http/exchange.ts';
import { equalBytes, sha256Base64url } from '../../kernel/bytes.ts';
import { systemClock } from '../../kernel/clock.ts';
import { randomId } from '../../kernel/random.ts';

type Parameters = Readonly<Record<string, string>>;

/** One request that reached the authorization server. */
interface AskedRequest {
  readonly path: string;
  readonly parameters: Parameters;
  readonly authorization: string | null;
  readonly certificate: Uint8Array | null;
}

interface Code {
  readonly parameters: Parameters;
  readonly certificate: Uint8Array | null;
}

/** A token that was given. */
interface GivenToken extends Code {
  readonly scopes: readonly string[];
  readonly resource: string;
  readonly endsAt: number;
}

/** An authorization server as the bridge sees it, in memory, with everything about it open to change. */
export interface FixtureIssuer {
  issuer: string;
  /** What its metadata say instead, or not: undefined takes a member away. */
  metadata: Record<string, unknown>;
  readonly requests: AskedRequest[];
  readonly tokens: Map<string, GivenToken>;
  readonly refreshTokens: Map<string, Code>;
  /** Seconds. */
  life: number;
  /** Whether refresh tokens are given. */
  refreshes: boolean;
  /** Parameters of the answer of the authorization endpoint, beside the code; null leaves one away. */
  answering: Record<string, string | null>;
  /** How often the device flow says that nobody has entered the code. */
  pending: number;
  /** Answers instead of the token endpoint. */
  tokenAnswer: ((parameters: Parameters) => { status: number; body: object } | null) | null;
  /** false for what is not its own. */
  handle(exchange: Exchange): Promise<boolean>;
}

export function createFixtureIssuer(issuer: string): FixtureIssuer {
  const codes = new Map<string, Code>();
  const pushed = new Map<string, Parameters>();
  const self: FixtureIssuer = {
    issuer,
    metadata: {},
    requests: [],
    tokens: new Map(),
    refreshTokens: new Map(),
    life: 300,
    refreshes: true,
    answering: {},
    pending: 0,
    tokenAnswer: null,
    handle,
  };
  return self;

  async function handle(exchange: Exchange): Promise<boolean> {
    const { path } = exchange;
    const body = Buffer.from(await exchange.body({ bytes: 100_000, milliseconds: 5_000 })).toString();
    const isForm = exchange.headers.get('content-type')?.startsWith('application/x-www-form') === true;
    const parameters = Object.fromEntries(isForm ? new URLSearchParams(body) : exchange.query);
    const { certificate } = exchange.connection;
    const authorization = exchange.headers.get('authorization') ?? null;
    self.requests.push({ path, parameters, authorization, certificate });
    switch (path) {
      case '/.well-known/oauth-authorization-server':
        return await json(exchange, 200, described());
      case '/par':
        return await push(exchange, parameters);
      case '/authorize':
        return await authorize(exchange, parameters, certificate);
      case '/register':
        return await json(exchange, 201, {
          ...(JSON.parse(body) as object),
          client_id: `client-${randomId()}`,
        });
      case '/device':
        return await json(exchange, 200, {
          device_code: 'device',
          user_code: 'AB-CD',
          verification_uri: `${self.issuer}/enter`,
          expires_in: 60,
          interval: 0.001,
        });
      case '/revoke':
        self.refreshTokens.delete(parameters['token'] ?? '');
        return await json(exchange, 200, {});
      case '/token':
        return await token(exchange, parameters, certificate);
      default:
        self.requests.pop();
        return false;
    }
  }

  function described(): object {
    return {
      issuer: self.issuer,
      authorization_endpoint: `${self.issuer}/authorize`,
      token_endpoint: `${self.issuer}/token`,
      registration_endpoint: `${self.issuer}/register`,
      device_authorization_endpoint: `${self.issuer}/device`,
      pushed_authorization_request_endpoint: `${self.issuer}/par`,
      revocation_endpoint: `${self.issuer}/revoke`,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'tls_client_auth', 'client_secret_basic'],
      authorization_response_iss_parameter_supported: true,
      response_types_supported: ['code'],
      ...self.metadata,
    };
  }

  async function push(exchange: Exchange, parameters: Parameters): Promise<boolean> {
    const reference = `urn:ietf:params:oauth:request_uri:${randomId()}`;
    pushed.set(reference, parameters);
    return await json(exchange, 201, { request_uri: reference, expires_in: 60 });
  }

  /** Whoever comes here has signed in. */
  async function authorize(
    exchange: Exchange,
    shown: Parameters,
    certificate: Uint8Array | null,
  ): Promise<boolean> {
    const parameters = pushed.get(shown['request_uri'] ?? '') ?? shown;
    const code = randomId();
    codes.set(code, { parameters, certificate });
    const back = new URL(parameters['redirect_uri'] ?? '');
    const answer = { code, state: parameters['state'] ?? '', iss: self.issuer, ...self.answering };
    for (const [name, value] of Object.entries(answer)) {
      if (value !== null) back.searchParams.set(name, value);
    }
    await exchange.respond(302, { location: back.href });
    return true;
  }

  async function token(
    exchange: Exchange,
    parameters: Parameters,
    certificate: Uint8Array | null,
  ): Promise<boolean> {
    const instead = self.tokenAnswer?.(parameters);
    if (instead) return await json(exchange, instead.status, instead.body);
    const { grant_type: grant = '', code = '', refresh_token: old = '' } = parameters;
    let asked: Parameters | null = null;
    if (grant === 'client_credentials') asked = parameters;
    if (grant === 'authorization_code') {
      const held = codes.get(code);
      codes.delete(code);
      const challenge = held?.parameters['code_challenge'];
      const proved = sha256Base64url(parameters['code_verifier'] ?? '') === challenge;
      asked =
        held && proved && held.parameters['resource'] === parameters['resource'] ? held.parameters : null;
    }
    if (grant === 'refresh_token') {
      asked = self.refreshTokens.get(old)?.parameters ?? null;
      self.refreshTokens.delete(old);
    }
    if (grant.endsWith('device_code')) {
      if (self.pending-- > 0) return await json(exchange, 400, { error: 'authorization_pending' });
      asked = self.requests.findLast(({ path }) => path === '/device')?.parameters ?? null;
    }
    if (!asked) return await json(exchange, 400, { error: 'invalid_grant' });
    return await json(exchange, 200, give(asked, certificate, grant !== 'client_credentials'));
  }

  function give(parameters: Parameters, certificate: Uint8Array | null, lasting: boolean): object {
    const value = `access-canary-${randomId()}`;
    const scopes = (parameters['scope'] ?? '').split(' ').filter((scope) => scope !== '');
    const endsAt = systemClock.now() + self.life * 1_000;
    self.tokens.set(value, {
      parameters,
      certificate,
      scopes,
      resource: parameters['resource'] ?? '',
      endsAt,
    });
    const refresh = `refresh-canary-${randomId()}`;
    if (lasting && self.refreshes) self.refreshTokens.set(refresh, { parameters, certificate });
    return {
      access_token: value,
      token_type: 'Bearer',
      expires_in: self.life,
      scope: scopes.join(' '),
      ...(lasting && self.refreshes && { refresh_token: refresh }),
    };
  }
}

/** What a server finds wrong with the token of a request; null for one that is right. */
export function tokenTrouble(
  exchange: Exchange,
  { tokens }: FixtureIssuer,
  wanted: { readonly resource: string; readonly scopes: readonly string[]; readonly bound: boolean },
): 'none' | 'invalid_token' | 'insufficient_scope' | null {
  const shown = exchange.headers.get('authorization') ?? null;
  if (shown === null) return 'none';
  const held = tokens.get(shown.replace(/^Bearer /, ''));
  if (!held || held.resource !== wanted.resource || held.endsAt < systemClock.now()) return 'invalid_token';
  const { certificate } = exchange.connection;
  const bound = certificate && held.certificate && equalBytes(certificate, held.certificate);
  if (wanted.bound && !bound) return 'invalid_token';
  return wanted.scopes.every((scope) => held.scopes.includes(scope)) ? null : 'insufficient_scope';
}

async function json(exchange: Exchange, status: number, body: object): Promise<boolean> {
  await exchange.respond(status, { 'content-type': 'application/json' }, JSON.stringify(body));
  return true;
}
