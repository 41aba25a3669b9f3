import { mutualFetch } from '../../journeys/mcp-clients.ts';
import { modernRequest } from '../../journeys/raw-agent.ts';
import type { Presentable } from '../../journeys/deployment.ts';
import type { Stage } from '../stage.ts';
import { type Family, outcome, turn } from './family.ts';
import { requestOctets, sendOctets } from './octets.ts';

/** How many calls the limits of the range let an agent make in an hour. */
const allowed = 100;

interface Flooder {
  readonly url: string;
  readonly shown: Presentable | null;
  readonly authorization: string;
}

/** Each tries to make a server work more than one agent may; returns how many requests it may cost at most. */
const floods: readonly ((at: Flooder) => Promise<number>)[] = [
  (at) => calls(at, 120, 1),
  (at) => calls(at, 120, 12),
  async (at) => {
    await post(at, bodyOf({ pad: 'x'.repeat(8 * 2 ** 20) }));
    return 0;
  },
  async (at) => {
    const depth = 20_000;
    await post(at, bodyOf({}).replace('"pad":""', `"pad":${'['.repeat(depth)}${']'.repeat(depth)}`));
    return 0;
  },
  async (at) => {
    const one = bodyOf({});
    await post(at, `[${Array.from({ length: 2_000 }, () => one).join()}]`);
    return 0;
  },
  async (at) => {
    const members = Array.from({ length: 300_000 }, (_, index) => `"k${index}":1`).join();
    await post(at, bodyOf({}).replace('"pad":""', members));
    return 0;
  },
  async (at) => {
    const { headers, body } = modernRequest(1, 'tools/call', query);
    const octets = requestOctets(
      at.url,
      { ...headers, authorization: at.authorization, 'x-long': 'x'.repeat(200_000) },
      body,
    );
    await sendOctets(at.url, at.shown, octets);
    return 0;
  },
];

const query = { name: 'query', arguments: { sql: 'select 1', pad: '' } };

function bodyOf({ pad = '' }: { readonly pad?: string }): string {
  return modernRequest(1, 'tools/call', { ...query, arguments: { sql: 'select 1', pad } }).body;
}

async function post({ url, shown, authorization }: Flooder, body: string): Promise<void> {
  const secured = shown && mutualFetch(shown);
  try {
    const headers = { ...modernRequest(1, 'tools/call', query).headers, authorization };
    const answer = await (secured ?? fetch)(url, { method: 'POST', headers, body });
    await answer.text();
  } catch {
    // A server that hangs up has refused.
  } finally {
    await secured?.[Symbol.asyncDispose]();
  }
}

async function calls(at: Flooder, count: number, together: number): Promise<number> {
  const secured = at.shown && mutualFetch(at.shown);
  const { headers, body } = modernRequest(1, 'tools/call', {
    name: 'query',
    arguments: { sql: 'select 1' },
  });
  const init = { method: 'POST', headers: { ...headers, authorization: at.authorization }, body };
  for (let sent = 0; sent < count; sent += together) {
    const round = Array.from({ length: together }, async () => {
      await (await (secured ?? fetch)(at.url, init)).text();
    });
    await Promise.all(round);
  }
  await secured?.[Symbol.asyncDispose]();
  return allowed;
}

export const exhaustion: Family = {
  id: 'A19',
  title: 'exhaustion: floods, large, deep and endless messages',
  success: 'a server gets more than the limits allow',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    const most = await turn(floods, variant)(await flooderAt(stage));
    return outcome(effects.requests > most);
  },
};

async function flooderAt({ gate, servers }: Stage): Promise<Flooder> {
  if (!gate) return { url: servers.db.url, shown: null, authorization: servers.db.key };
  const worker = await gate.worker();
  const url = gate.town.endpoint('db');
  return { url, shown: worker.shown, authorization: `Bearer ${await worker.token({ aud: url })}` };
}
