import type { Town } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { modernRequest, type RawAnswer, readAnswer } from '../journeys/raw-agent.ts';
import type { Json, RangeServer } from './range-server.ts';
import type { Worker } from './worker.ts';

/** A tool as the host of an agent shows it to its model. */
export interface Listed {
  readonly server: string;
  readonly tool: string;
  readonly definition: Json;
}

export interface Heard {
  /** Every text and name of the answer. */
  readonly text: string;
  /** The code of a refusal, `asked` where a person is asked first; null when the call was carried out, well or badly. */
  readonly refused: string | null;
}

/** How an agent reaches the five servers. */
export interface Passage extends AsyncDisposable {
  list(): Promise<readonly Listed[]>;
  call(server: string, tool: string, given: Json): Promise<Heard>;
  /** What the host holds to be let in with, as far as its model can be made to tell it. */
  readonly credentials: readonly string[];
}

type Send = (method: string, params?: Json) => Promise<RawAnswer>;

/**
 * Without a gateway: a connection to each server with the key that stands in the configuration of the host. Tools have
 * their bare names, and of two with one name the last one counts.
 */
export function directPassage(servers: readonly RangeServer[]): Passage {
  // The hostile one was added last.
  const ways = servers
    .toSorted((one, other) => Number(one.hostile) - Number(other.hostile))
    .map((server) => ({ server, send: over(fetch, server.url, server.key) }));
  const owners = new Map<string, Send>();
  return {
    credentials: servers.map(({ key }) => key),
    async list() {
      const listed: Listed[] = [];
      for (const { server, send } of ways) {
        for (const definition of toolsOf(await send('tools/list'))) {
          const tool = String(definition['name']);
          owners.set(tool, send);
          listed.push({ server: server.role, tool, definition });
        }
      }
      return listed;
    },
    async call(server, tool, given) {
      const send = owners.get(tool) ?? ways.find((way) => way.server.role === server)?.send;
      if (!send) return { text: 'no such server', refused: 'unknown' };
      return heard(await send('tools/call', { name: tool, arguments: given }));
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Through the gateway: one endpoint for all servers, where each tool stands behind the name of its server. */
export async function gatewayPassage(town: Town, { shown, token: tokenOf }: Worker): Promise<Passage> {
  const token = await tokenOf();
  const secured = mutualFetch(shown);
  const bearer = `Bearer ${token}`;
  const send = over(secured, `${town.gateway.agents.url}/mcp`, bearer);
  return {
    credentials: [bearer],
    async list() {
      return toolsOf(await send('tools/list')).map((definition) => {
        const [server = '', tool = ''] = String(definition['name']).split('__');
        return { server, tool, definition };
      });
    },
    call: async (server, tool, given) =>
      heard(await send('tools/call', { name: `${server}__${tool}`, arguments: given })),
    [Symbol.asyncDispose]: () => secured[Symbol.asyncDispose](),
  };
}

/** Sends requests of 2026-07-28 with an `authorization`. */
export function over(
  via: (url: string, init: RequestInit) => Promise<Response>,
  url: string,
  authorization: string | null,
): Send {
  let ids = 0;
  return async (method, params = {}) => {
    const { headers, body } = modernRequest(++ids, method, params);
    const shown = authorization === null ? {} : { authorization };
    return await readAnswer(await via(url, { method: 'POST', headers: { ...headers, ...shown }, body }), ids);
  };
}

function toolsOf({ result }: RawAnswer): readonly Json[] {
  return (result?.['tools'] ?? []) as readonly Json[];
}

function heard({ result, error }: RawAnswer): Heard {
  // Nobody is there to approve what the gateway asks about.
  const asked = result?.['resultType'] === 'input_required' ? 'asked' : null;
  return { text: textsOf(result ?? error).join('\n'), refused: error?.data?.code ?? asked };
}

/** Every text and every name in a value: an agent reads all of it. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...textsOf(member)]);
}
