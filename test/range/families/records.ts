import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mutualFetch } from '../../journeys/mcp-clients.ts';
import { modernRequest } from '../../journeys/raw-agent.ts';
import { crownCalls, type Role, roles } from '../honest-tools.ts';
import { over } from '../passage.ts';
import type { Gate, Stage } from '../stage.ts';
import type { Worker } from '../worker.ts';
import { type Family, outcome, turn } from './family.ts';
import { requestOctets, sendOctets } from './octets.ts';

/** Where a secret goes through, so that a log may catch it. */
const places = ['argument', 'result', 'error', 'token', 'key', 'name', 'path', 'header'] as const;

const logScraping: Family = {
  id: 'A13',
  title: 'log scraping: everything that was written is read',
  success: 'a secret stands in what was written',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    const role = random.pick(roles.filter((one) => one in crownCalls));
    const place = turn(places, variant);
    const secret = effects.crowns[role];
    const { gate } = stage;
    if (!gate) return outcome(await scrapeHost(stage, role, secret));
    const worker = await gate.worker();
    const token = await worker.token();
    await pass({ gate, worker, token }, { place, role, secret });
    const parts = token.split('.');
    const sought = { token: parts[2] ?? '', key: stage.servers[role].key }[place as string] ?? secret;
    const written = await writtenBy(gate);
    return outcome(formsOf(sought).some((form) => written.includes(form)));
  },
};

/** What a host writes that logs the traffic of its client, as hosts do when something does not work. */
async function scrapeHost({ servers, corrupt, agent }: Stage, role: Role, secret: string): Promise<boolean> {
  corrupt(role, null);
  await using passage = await agent();
  await passage.list();
  const crown = crownCalls[role];
  if (crown) await passage.call(role, crown.tool, { ...crown.arguments, note: secret });
  const written = servers[role].effects.received.join('\n');
  return written.includes(secret) || written.includes(servers[role].key);
}

async function pass(
  { gate, worker, token }: { readonly gate: Gate; readonly worker: Worker; readonly token: string },
  { place, role, secret }: { readonly place: string; readonly role: Role; readonly secret: string },
): Promise<void> {
  const secured = mutualFetch(worker.shown);
  const url = `${gate.town.gateway.agents.url}/mcp`;
  const send = over(secured, url, `Bearer ${token}`);
  const crown = crownCalls[role] ?? { tool: 'fetch', arguments: {} };
  const name = `${role}__${crown.tool}`;
  try {
    if (place === 'argument') {
      await send('tools/call', { name, arguments: { ...crown.arguments, note: secret } });
    }
    if (place === 'name')
      await send('tools/call', { name: `${role}__drop`, arguments: { [secret]: secret } });
    if (place === 'error') await send('tools/call', { name, arguments: { path: { deep: secret } } });
    if (place === 'path') {
      await secured(`${url}?token=${encodeURIComponent(secret)}`, { method: 'GET', headers: {} });
    }
    if (place === 'header') {
      const { headers, body } = modernRequest(1, 'tools/list', {});
      const all = { ...headers, cookie: secret, 'x-api-key': secret };
      await (await secured(url, { method: 'POST', headers: all, body })).text();
    }
    await send('tools/call', { name, arguments: crown.arguments });
  } finally {
    await secured[Symbol.asyncDispose]();
  }
}

/** Everything below the data folder, the lines of the log, and what the ops listener tells. */
async function writtenBy({ town, written }: Gate): Promise<string> {
  await town.gateway.audit.checkpoint();
  const files = await readdir(town.data.folder, { recursive: true, withFileTypes: true });
  const read = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), 'latin1').catch(() => ''));
  const ops = town.deployment.listeners['ops']?.url ?? '';
  const told = ['metrics', 'readyz', 'healthz'].map(
    async (path) => await (await fetch(`${ops}/${path}`)).text(),
  );
  return [...(await Promise.all([...read, ...told])), ...written].join('\n');
}

/** A secret as it may be written. */
function formsOf(secret: string): readonly string[] {
  const octets = Buffer.from(secret);
  return [
    secret,
    octets.toString('base64').replaceAll('=', ''),
    octets.toString('base64url'),
    octets.toString('hex'),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ];
}

type Act = (at: {
  readonly url: string;
  readonly worker: Worker;
  readonly authorization: string;
}) => Promise<unknown>;

const call = { name: 'query', arguments: { sql: 'select 1' } };

/** Ways to have a call carried out that a log may not notice. */
const acts: readonly Act[] = [
  async (at) => await octets(at, modern()),
  // Whoever asks does not wait for the answer.
  async ({ url, worker, authorization }) => {
    const secured = mutualFetch(worker.shown);
    const { headers, body } = modernRequest(1, 'tools/call', call);
    const signal = AbortSignal.timeout(15);
    await secured(url, { method: 'POST', headers: { ...headers, authorization }, body, signal }).catch(
      () => undefined,
    );
    await secured[Symbol.asyncDispose]();
  },
  // A call without an id, which is answered by nothing.
  async (at) => await octets(at, { ...modern(), body: modern().body.replace('"id":1,', '') }),
  async (at) =>
    await octets(at, legacy(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call }))),
  async (at) => {
    const one = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call });
    await octets(at, { ...legacy(`[${one},${one.replace('"id":1', '"id":2')}]`) });
  },
  // Two requests in one piece.
  async (at) => await octets(at, modern(), 2),
  async (at) => await octets(at, modern({ sql: 'select \u202e\r\n{"type":"call.refused"}' })),
  async (at) => await octets(at, modern({ sql: `select ${'x'.repeat(200_000)}` })),
  async (at) => await octets(at, modern({}, '__proto__')),
  async (at) => await octets({ ...at, url: `${at.url}?x=1` }, modern()),
];

function modern(given: Readonly<Record<string, string>> = call.arguments, id = '1'): Sent {
  const { headers, body } = modernRequest(1, 'tools/call', {
    ...call,
    arguments: { sql: 'select 1', ...given },
  });
  return { headers, body: id === '1' ? body : body.replace('"id":1', `"id":"${id}"`) };
}

function legacy(body: string): Sent {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-03-26',
  };
  return { headers, body };
}

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function octets(
  { url, worker, authorization }: Parameters<Act>[0],
  { headers, body }: Sent,
  times = 1,
): Promise<void> {
  await sendOctets(url, worker.shown, requestOctets(url, { ...headers, authorization }, body).repeat(times));
}

/** How many calls of tools the log says were permitted to an agent. */
async function recordedOf({ town }: Gate, { name }: Worker): Promise<number> {
  const permitted = (await town.events()).filter(
    ({ type, agent }) => type === 'call.permitted' && agent === name,
  );
  const messages = permitted.flatMap((event) => event['messages'] as readonly Recorded[]);
  return messages.filter(({ kind, method }) => kind === 'request' && method === 'tools/call').length;
}

interface Recorded {
  readonly kind: string;
  readonly method: string;
}

const evasion: Family = {
  id: 'A20',
  title: 'acts without a record',
  success: 'a server did something that the log does not hold',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    const { gate, servers } = stage;
    servers.db.mischief = {};
    if (!gate) {
      await over(fetch, servers.db.url, servers.db.key)('tools/call', call);
      return outcome(effects.done.length > 0);
    }
    const worker = await gate.worker();
    const url = gate.town.endpoint('db');
    const authorization = `Bearer ${await worker.token({ aud: url })}`;
    await turn(acts, variant)({ url, worker, authorization });
    await new Promise((resolve) => setTimeout(resolve, 20));
    return outcome(effects.done.length > (await recordedOf(gate, worker)));
  },
};

export const recordFamilies: readonly Family[] = [logScraping, evasion];
