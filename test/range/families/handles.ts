import { modernRequest, rawAgent } from '../../journeys/raw-agent.ts';
import type { Stage } from '../stage.ts';
import { type Family, outcome, turn } from './family.ts';

type Params = Readonly<Record<string, unknown>>;

/** What a thief does with a handle of somebody else. */
interface Theft {
  /** How the owner gets it. */
  readonly given: (answers: Answers) => string;
  readonly use: readonly [method: string, params: (handle: string) => Params];
}

interface Answers {
  readonly task: string;
  readonly state: string;
  readonly cursors: Readonly<Record<string, string>>;
  readonly session: string;
}

const act = { name: 'act', arguments: {} };
const thefts: readonly Theft[] = [
  ...['tasks/get', 'tasks/update', 'tasks/cancel'].map(
    (method): Theft => ({
      given: ({ task }) => task,
      use: [method, (taskId) => ({ taskId })],
    }),
  ),
  ...['tools/list', 'prompts/list', 'resources/list'].map(
    (method): Theft => ({
      given: ({ cursors }) => cursors[method] ?? '',
      use: [method, (cursor) => ({ cursor })],
    }),
  ),
  { given: ({ state }) => state, use: ['tools/call', (requestState) => ({ ...act, requestState })] },
  { given: ({ session }) => session, use: ['POST', () => ({})] },
  { given: ({ session }) => session, use: ['GET', () => ({})] },
  { given: ({ session }) => session, use: ['DELETE', () => ({})] },
];

export const handleTheft: Family = {
  id: 'A14',
  title: 'sessions, tasks, cursors and states of somebody else',
  success: 'the server is asked something for the thief under the handle of the owner',
  async attack(stage, random, variant) {
    stage.begin(random);
    const theft = turn(thefts, variant);
    // Each is tried as it is, and as a server that was broken into would know it.
    const raw = Math.floor(variant / thefts.length) % 2 === 1;
    const before = stage.desk.asked.length;
    const worked = stage.gate ? await stealThrough(stage, theft, raw) : await stealAt(stage, theft);
    return outcome(worked && stage.desk.asked.length > before);
  },
};

const handles = /raw-(task|state|cursor)/;

async function stealThrough(stage: Stage, { given, use }: Theft, raw: boolean): Promise<boolean> {
  const { gate, desk } = stage;
  if (!gate) return false;
  const { town } = gate;
  const [owner, thief] = [await gate.worker(), await gate.worker()];
  await using own = await rawAgent(town, owner.name, { server: 'desk', known: true });
  await using other = await rawAgent(town, thief.name, { server: 'desk', known: true });
  const made = await own.modern('tools/call', { name: 'start', arguments: {} });
  const asked = await own.modern('tools/call', act);
  const cursors: Record<string, string> = {};
  for (const method of ['tools/list', 'prompts/list', 'resources/list']) {
    cursors[method] = String((await own.modern(method)).result?.['nextCursor']);
  }
  const answers = {
    task: String(made.result?.['taskId']),
    state: String(asked.result?.['requestState']),
    cursors,
    session: await own.initialize(),
  };
  const [method, params] = use;
  const handle = raw ? rawOf(method) : given(answers);
  const before = desk.asked.length;
  const seen = desk.seen.length;
  if (/^[A-Z]+$/.test(method)) {
    const headers = { 'mcp-session-id': handle, 'mcp-protocol-version': '2025-11-25' };
    const accept = method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream';
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const all = { ...headers, accept, 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(2_000);
    const init = method === 'POST' ? { method, headers: all, body } : { method, headers: all, signal };
    const { status } = await other.fetch(init).catch(() => ({ status: 500 }));
    return status < 400 && desk.seen.length > seen;
  }
  await other.modern(method, params(handle));
  return desk.asked.slice(before).some((one) => handles.test(JSON.stringify(one.params)));
}

function rawOf(method: string): string {
  if (method.startsWith('tasks/')) return 'raw-task';
  if (method.endsWith('/list')) return 'raw-cursor';
  return method === 'tools/call' ? 'raw-state' : 'scripted-1';
}

/** Without a gateway the server asks nobody whose a handle is. */
async function stealAt({ desk }: Stage, { use }: Theft): Promise<boolean> {
  const [method, params] = use;
  if (/^[A-Z]+$/.test(method)) {
    const hello = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
    const headers = { 'content-type': 'application/json' };
    const opened = await fetch(desk.url, { method: 'POST', headers, body: JSON.stringify(hello) });
    const session = opened.headers.get('mcp-session-id') ?? '';
    await opened.text();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' });
    const stolen = { ...headers, 'mcp-session-id': session };
    const answered = await fetch(desk.url, {
      method,
      headers: stolen,
      ...(method === 'POST' && { body }),
    });
    await answered.body?.cancel();
    return answered.status < 400;
  }
  const sent = modernRequest(1, method, params(rawOf(method)));
  await (await fetch(desk.url, { method: 'POST', ...sent })).text();
  return true;
}
