import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Contestant } from './contestants.ts';
import type { Order, Seen } from './load.ts';
import { cpuMicroseconds } from './process-cost.ts';
import type { Rig } from './rig.ts';

/** What is asked of every contestant in turn. */
export interface Task {
  /** Which answer of the MCP server. */
  readonly answer: string;
  readonly connections: number;
  readonly milliseconds: number;
  /** `opens`: each request opens a session of the earlier era, which nobody comes back to; `calls`: each connection calls in one. */
  readonly session?: 'opens' | 'calls';
}

/** One contestant in one round. */
export interface Round extends Seen {
  readonly perSecond: number;
  /** Microseconds of CPU time a request, of the contestant's processes. */
  readonly cpu: number;
}

/** The call that every request makes. */
export const call = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'echo',
    arguments: { message: 'x'.repeat(64) },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});

export const callHeaders = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': 'tools/call',
  'Mcp-Name': 'echo',
};

const opening = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
});

const legacyCall = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'echo', arguments: { message: 'x'.repeat(64) } },
});

const openHeaders = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
};

/** Loads one contestant for a while. */
export async function measure(rig: Rig, contestant: Contestant, task: Task): Promise<Round> {
  const order: Order = {
    port: contestant.port,
    tls: contestant.plain ? null : { authority: rig.roots, identities: rig.identities },
    path: contestant.path(task.answer),
    headers: task.session ? openHeaders : callHeaders,
    connections: task.connections,
    milliseconds: task.milliseconds,
    body: task.session === 'opens' ? opening : task.session === 'calls' ? legacyCall : call,
    opening: task.session === 'calls' ? opening : null,
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts'), JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  const before = cpuMicroseconds(contestant.pids());
  child.stdin.end('go\n');
  const { value } = await lines.next();
  const cpu = cpuMicroseconds(contestant.pids()) - before;
  if (value === undefined) throw new Error(`The load client for ${contestant.name} ended without a result.`);
  const seen = JSON.parse(value) as Seen;
  return {
    ...seen,
    perSecond: (seen.requests * 1_000) / task.milliseconds,
    cpu: cpu / Math.max(1, seen.requests),
  };
}

/** How long each contestant is loaded before anything is measured, in milliseconds: Node.js compiles what runs often. */
export const warmUpMilliseconds = 10_000;

export async function warmUp(rig: Rig, contestants: readonly Contestant[]): Promise<void> {
  for (const contestant of contestants)
    await measure(rig, contestant, { answer: '300b', connections: 32, milliseconds: warmUpMilliseconds });
}

/** Every contestant in turn, round after round; the first round warms up and is not counted. */
export async function compare(
  rig: Rig,
  contestants: readonly Contestant[],
  task: Task,
  rounds: number,
): Promise<ReadonlyMap<string, readonly Round[]>> {
  const results = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const contestant of contestants) {
      const measured = await measure(
        rig,
        contestant,
        round === 0 ? { ...task, milliseconds: task.milliseconds / 2 } : task,
      );
      if (round > 0) results.get(contestant.name)?.push(measured);
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The median of the ratios of each round: neighbours in time share what else the machine did. */
export function pairedRatio<Seen>(
  mine: readonly Seen[],
  base: readonly Seen[],
  of: (round: Seen) => number,
): number {
  return median(mine.map((round, at) => of(round) / of(base[at] ?? round)));
}
