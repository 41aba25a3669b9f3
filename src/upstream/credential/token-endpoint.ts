import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SignJWT } from 'jose';
import type { TlsMaterial } from '../../http/exchange.ts';
import { addressRanges } from '../../http/address-guard.ts';
import { type Client, createClient, type WholeResponse } from '../../http/fetch.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { Secrets } from '../../secrets/resolve.ts';
import type { TokenServer } from './read-credential.ts';

/** A token that an authorization server gave out. */
export interface ObtainedToken {
  readonly value: string;
  /** What it is (RFC 8693 §2.2.1), or null where the answer need not say. */
  readonly type: string | null;
  /** Whether it is used by itself: `Bearer`. */
  readonly bearer: boolean;
  /** Milliseconds from now until it ends. */
  readonly life: number;
}

/** The token endpoint of one authorization server. */
export interface TokenEndpoint extends AsyncDisposable {
  /** Throws Fault `credential_unobtained`, which never has a token in it. */
  request(parameters: Readonly<Record<string, string | null>>): Promise<ObtainedToken>;
}

export interface TokenEndpointPorts {
  readonly secrets: Pick<Secrets, 'resolve' | 'replaced'>;
  readonly identity: () => Pick<TlsMaterial, 'certificate' | 'key'>;
  readonly clock: Clock;
  /** Is told of every secret and token before it is used, so that it can be cut out of what leaves. */
  readonly learn: (secret: string, life?: number) => void;
}

const limits = {
  connectMilliseconds: 5_000,
  headMilliseconds: 10_000,
  totalMilliseconds: 15_000,
  bodyBytes: 64 * 1024,
} as const;

/** RFC 6749 §5.1 leaves out the life where it is known otherwise; it is not. */
const unsaidLife = 60_000;
const longestLife = 3_600_000;
const longestToken = 16 * 1024;
/** How long a token is looked for in what leaves: past its end, since clocks differ, and a day when it says none. */
const afterwards = 60_000;
const unsaidLearnt = 24 * 3_600_000;

export function createTokenEndpoint(server: TokenServer, ports: TokenEndpointPorts): TokenEndpoint {
  let open: {
    readonly client: Client;
    readonly identity: Pick<TlsMaterial, 'certificate' | 'key'> | null;
  } | null = null;

  const connect = async (): Promise<Client> => {
    const identity = server.client.method === 'tls' ? ports.identity() : null;
    if (open && open.identity?.certificate === identity?.certificate) return open.client;
    const authorities = server.authority === null ? null : await readFile(server.authority, 'utf8');
    const before = open;
    const client = createClient({
      tls: {
        ...(authorities !== null && { authorities }),
        ...(identity && { certificate: identity.certificate, key: identity.key }),
      },
      addressGuard: server.privateAddresses
        ? addressRanges(['public', 'private', 'loopback'])
        : 'public-only',
      limits,
    });
    open = { client, identity };
    void before?.client.close();
    return client;
  };

  const send = async (parameters: Readonly<Record<string, string | null>>): Promise<WholeResponse> => {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) if (value !== null) form.set(name, value);
    const headers = await authenticate(server, form, ports);
    const client = await connect();
    return await client.request({
      method: 'POST',
      url: server.tokenEndpoint,
      headers: {
        ...headers,
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
    });
  };
  const request: TokenEndpoint['request'] = async (parameters) => {
    const secret = server.client.method === 'secret' ? server.client.secret : null;
    const used = secret === null ? '' : await ports.secrets.resolve(secret);
    let answer = await send(parameters);
    // RFC 6749 §5.2: it does not know us by that secret, which may have been replaced meanwhile.
    if (answer.status === 401 && secret !== null && (await ports.secrets.replaced(secret, used)) !== null) {
      answer = await send(parameters);
    }
    const json = answer.json();
    if (answer.status !== 200) throw new Error(refusalOf(answer.status, isJsonObject(json) ? json : {}));
    return readToken(isJsonObject(json) ? json : {}, ports.learn);
  };

  return {
    async request(parameters) {
      try {
        return await request(parameters);
      } catch (cause) {
        throw new Fault(
          'credential_unobtained',
          `The gateway got no token for the MCP server at ${server.issuer}: ${errorText(cause).replace(/\.$/, '')}. The call was not made; whoever runs the server and its authorization server can say why.`,
          { cause },
        );
      }
    },
    async [Symbol.asyncDispose]() {
      await open?.client.close();
      open = null;
    },
  };
}

async function authenticate(
  { client, issuer }: TokenServer,
  form: URLSearchParams,
  ports: TokenEndpointPorts,
): Promise<Record<string, string>> {
  switch (client.method) {
    case 'secret': {
      const secret = await ports.secrets.resolve(client.secret);
      // RFC 6749 §2.3.1: both are form-encoded before they are joined.
      const pair = [client.id, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1));
      const encoded = Buffer.from(pair.join(':')).toString('base64');
      ports.learn(encoded);
      return { authorization: `Basic ${encoded}` };
    }
    case 'private-key-jwt': {
      const key = createPrivateKey(await ports.secrets.resolve(client.key));
      const now = Math.floor(ports.clock.now() / 1_000);
      // RFC 7523bis: the audience is the issuer, and nothing that another server could take for itself.
      const assertion = await new SignJWT({ jti: randomId() })
        .setProtectedHeader({ alg: key.asymmetricKeyType === 'rsa' ? 'PS256' : 'ES256' })
        .setIssuer(client.id)
        .setSubject(client.id)
        .setAudience(issuer)
        .setIssuedAt(now)
        .setExpirationTime(now + 60)
        .sign(key);
      ports.learn(assertion, 2 * 60_000);
      form.set('client_id', client.id);
      form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      form.set('client_assertion', assertion);
      return {};
    }
    case 'tls':
      form.set('client_id', client.id);
      return {};
    default:
      return assertNever(client);
  }
}

/** RFC 6749 §5.2: the code alone; descriptions may repeat what was sent. */
function refusalOf(status: number, json: JsonObject): string {
  const { error } = json;
  const code = typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? ` with ${error}` : '';
  return `it answered ${status}${code}`;
}

function readToken(json: JsonObject, learn: TokenEndpointPorts['learn']): ObtainedToken {
  const value = json['access_token'];
  const type = json['issued_token_type'];
  const kind = json['token_type'];
  const life = json['expires_in'];
  if (typeof value !== 'string' || !/^[A-Za-z0-9\-._~+/]+=*$/.test(value) || value.length > longestToken) {
    throw new Error('its answer has no token that a header can carry');
  }
  learn(value, typeof life === 'number' ? life * 1_000 + afterwards : unsaidLearnt);
  if (typeof kind !== 'string') throw new Error('its answer does not say of which type the token is');
  if (life !== undefined && (typeof life !== 'number' || life <= 0)) {
    throw new Error('its answer says no life of the token that can be one');
  }
  return {
    value,
    type: typeof type === 'string' ? type : null,
    bearer: kind.toLowerCase() === 'bearer',
    life: Math.min(longestLife, life === undefined ? unsaidLife : life * 1_000),
  };
}
