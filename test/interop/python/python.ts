import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Town } from '../../journeys/deployment.ts';
import type { SdkServer } from '../../journeys/sdk-servers.ts';

const environments = join(import.meta.dirname, '../../../.python');
const pythonOf = (major: 1 | 2): string => join(environments, String(major), 'bin', 'python');
const script = (name: string): string => join(import.meta.dirname, name);

/** Why tests with the Python SDKs cannot run here, or false. */
export const skip = [1, 2].every((major) => existsSync(join(environments, String(major), 'installed')))
  ? false
  : 'the Python SDKs are not installed here; `npm run python` installs them';

/** A server of a Python package, over every transport that it has. */
function serversOf(short: string, file: string, major: 1 | 2, eras: SdkServer['eras']): readonly SdkServer[] {
  const transports = ['http', 'sse', 'stdio'] as const;
  return transports.map((transport) => {
    const name = `${short}-${transport}`;
    return {
      name,
      transport,
      // HTTP+SSE has no other era, whatever its server can speak.
      eras: transport === 'sse' ? ['legacy'] : eras,
      open: (town) => open(town, name, transport, [pythonOf(major), script(file), transport]),
    };
  });
}

/** `p1` and `p2`: the official SDK 1.x and 2.x; `fm`: the package fastmcp. The one of 2.x and fastmcp speak both eras. */
export const pythonServers: readonly SdkServer[] = [
  ...serversOf('p1', 'server_mcp_1.py', 1, ['legacy']),
  ...serversOf('p2', 'server_mcp_2.py', 2, ['legacy', 'modern']),
  ...serversOf('fm', 'server_fastmcp.py', 2, ['legacy', 'modern']),
];

async function open(
  town: Town,
  name: string,
  transport: SdkServer['transport'],
  command: readonly string[],
): Promise<AsyncDisposable> {
  if (transport === 'stdio') {
    await town.addStdioServer(name, command);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
  const [program = '', ...words] = command;
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] });
  const port = await firstLine(child);
  const add = transport === 'sse' ? town.addSseServer : town.addHttpServer;
  await add(name, `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`);
  return { [Symbol.asyncDispose]: () => end(child) };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the child has no output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the child ended without a word');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** What a client of Python is to do: with whom, and what it speaks. */
export interface Job {
  readonly id: string;
  /** For the SDK 2.x and fastmcp: `legacy`, `auto` or a revision. */
  readonly mode?: string;
  readonly url?: string;
  readonly command?: string;
  readonly args?: readonly string[];
  /** The endpoint is that of all servers, and the things of this one are meant. */
  readonly within?: string;
  /** To hear of changes, with a server of `news-servers.ts`, rather than to use everything. */
  readonly news?: true;
}

/** What the client saw; `error` is the trace of what it failed with. */
export type Seen = Readonly<Record<string, unknown>>;

/** The clients: of the official SDK 1.x and 2.x, and of the package fastmcp, which builds upon the one of 2.x. */
const programs = { mcp_1: 1, mcp_2: 2, fastmcp: 2 } as const;
export type Program = keyof typeof programs;

/** Runs jobs one after the other in one process of a client; what came of each, by its id. */
export async function runClient(program: Program, jobs: readonly Job[]): Promise<ReadonlyMap<string, Seen>> {
  const child = spawn(pythonOf(programs[program]), [script(`client_${program}.py`)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(`${JSON.stringify(jobs)}\n`);
  const seen = new Map<string, Seen>();
  for await (const line of createInterface({ input: child.stdout })) {
    const { id, ...rest } = JSON.parse(line) as { id: string };
    seen.set(id, rest);
  }
  await end(child);
  return seen;
}
