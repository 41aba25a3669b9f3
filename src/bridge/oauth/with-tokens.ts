import { Fault } from '../../kernel/fault.ts';
import { readWhole } from '../answers.ts';
import type { GatewayConnection, GatewayResponse } from '../gateway-connection.ts';
import { type Demand, readDemand } from './challenge.ts';
import type { Tokens } from './tokens.ts';

/** A token that is asked for, a token that is renewed, and two steps up. */
const most = 4;
const longestRefusal = 1024 * 1024;

const nothing: Demand = {
  metadata: null,
  scopes: null,
  error: null,
  description: null,
  acrValues: null,
  maxAge: null,
};

/**
 * A connection that shows a token once the server has asked for one, and sends a request again that was refused for its token: a
 * refused request was not carried out. `bare` takes a 401 without a challenge for one as well, as old MCP servers have it.
 */
export function withTokens(
  connection: GatewayConnection,
  { tokens, bare }: { readonly tokens: Tokens; readonly bare: boolean },
): GatewayConnection {
  return {
    peer: connection.peer,
    async send(request) {
      for (let tries = 0; ; tries++) {
        let sent: string | null = null;
        const response = await connection.send({
          ...request,
          authorize: async (credentials) => {
            sent = await until(tokens.current(credentials), request.signal);
            return sent === null ? {} : { authorization: `Bearer ${sent}` };
          },
        });
        const demand = demandOf(response, bare);
        if (!demand) {
          if (sent !== null && response.status < 400) tokens.accepted(sent);
          return response;
        }
        const body = await readWhole(response, longestRefusal);
        if (sent !== null && demand.error === 'insufficient_scope') tokens.accepted(sent);
        if (tries === most) throw tooOften();
        // A stream that waits for news comes back by itself, also at night: nobody is shown a page for it.
        const mayAsk = request.method === 'POST';
        const again = await until(tokens.refused({ demand, sent, mayAsk }), request.signal);
        if (!again) return { ...response, chunks: whole(body) };
      }
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

async function* whole(body: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield body;
}

/** What a refusal demands of the token; null for every other answer. RFC 6750 §3.1: 401 for the token, 403 for its scope. */
function demandOf({ status, headers }: GatewayResponse, bare: boolean): Demand | null {
  if (status !== 401 && status !== 403) return null;
  const demand = readDemand(headers['www-authenticate']);
  if (status === 403) return demand?.error === 'insufficient_scope' ? demand : null;
  return demand ?? (bare && headers['www-authenticate'] === undefined ? nothing : null);
}

/** A sign-in goes on when one of those that wait for it leaves. */
async function until<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
    work.catch(() => undefined);
  }
}

function tooOften(): Fault {
  return new Fault(
    'sign_in_failed',
    'The server asks for another token again and again; it is not asked any more.',
  );
}
