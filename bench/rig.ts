import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, end } from '../tour/stage.ts';
import { answers } from './answers.ts';
import { startOwn, type Started } from './children.ts';
import type { Identity } from './load.ts';
import { stdioCommand } from './stdio-command.ts';

/** What all contestants share: an authority, certificates, and the MCP server they stand in front of. */
export interface Rig extends AsyncDisposable {
  readonly folder: string;
  /** The data folder of the authority, for each gateway to have its own copy, and the words that unlock it. */
  readonly data: string;
  readonly passphrase: readonly string[];
  /** Agents' certificates: one agent may have only so many calls open. */
  readonly identities: readonly Identity[];
  readonly roots: string;
  /** Folder of the certificate that the other proxies show. */
  readonly proxyIdentity: string;
  readonly upstreamPort: number;
  /** Ends with the rig. */
  adopt(child: ChildProcess): void;
  startOwn(file: string, words: readonly string[]): Promise<Started>;
}

const agents = ['bench-a', 'bench-b', 'bench-c', 'bench-d'];

/** Makes an authority with four agents, one server name per answer, and a policy with conditions on arguments. */
export async function openRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  const data = join(folder, 'authority');
  const passphrase = ['--passphrase-file', join(folder, 'passphrase')];
  const unlock = ['--folder', data, ...passphrase];
  const children: ChildProcess[] = [];
  const begin = async (file: string, words: readonly string[]): Promise<Started> => {
    const started = await startOwn(file, words);
    children.push(started.child);
    return started;
  };
  const issue = (name: string, words: readonly string[]) =>
    ask(['cert', 'issue', name, ...words, '--out', join(folder, name), ...unlock]);

  writeFileSync(join(folder, 'passphrase'), 'only for this benchmark', { mode: 0o600 });
  await ask(['init', ...unlock]);
  for (const agent of agents) {
    await ask([
      'agent',
      'add',
      agent,
      ...unlock,
      '--owner',
      'bench',
      '--purpose',
      'bench',
      '--role',
      'bench',
    ]);
    await issue(agent, ['--kind', 'agent']);
  }
  await issue('proxy', ['--kind', 'server', '--dns', 'localhost']);
  mkdirSync(join(data, 'policies'), { recursive: true });
  writeFileSync(join(data, 'policies', 'bench.cedar'), permits());
  const upstream = await begin('upstream.ts', []);
  const upstreamPort = Number(upstream.line);
  for (const name of [...Object.keys(answers), '100m', 'session']) {
    await ask([
      'server',
      'add',
      serverName(name),
      '--url',
      `http://127.0.0.1:${upstreamPort}/${name}`,
      '--era',
      name === 'session' ? 'legacy' : 'modern',
      '--tools',
      'unpinned',
      ...unlock,
    ]);
  }
  await ask([
    'server',
    'add',
    serverName('stdio'),
    '--era',
    'legacy',
    '--tools',
    'unpinned',
    '--isolation',
    'none',
    ...unlock,
    '--',
    ...stdioCommand,
  ]);
  return {
    folder,
    data,
    passphrase,
    identities: agents.map((agent) => ({
      certificate: join(folder, agent, 'certificate.pem'),
      key: join(folder, agent, 'key.pem'),
    })),
    roots: join(data, 'root.pem'),
    proxyIdentity: join(folder, 'proxy'),
    upstreamPort,
    adopt: (child) => void children.push(child),
    startOwn: begin,
    async [Symbol.asyncDispose]() {
      for (const child of children) await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The name under which the gateway knows the MCP server that gives an answer. */
export function serverName(answer: string): string {
  return `s${answer}`;
}

/** The policies of the benchmark: each has a condition on arguments. */
export function permits(): string {
  const calls = [...Object.keys(answers), '100m', 'stdio'].map(permitFor);
  const opens = ['session', 'stdio'].map(
    (name) =>
      `permit (principal in Role::"bench", action == Action::"initialize", resource == Server::"${serverName(name)}");`,
  );
  return [...calls, ...opens].join('\n');
}

function permitFor(answer: string): string {
  const tool = `Tool::"${serverName(answer)}/echo"`;
  return `permit (principal in Role::"bench", action == Action::"tools/call", resource == ${tool})
when { context.arguments has message && context.arguments.message like "x*" };
forbid (principal, action == Action::"tools/call", resource == ${tool})
when { context.arguments has path && context.arguments.path like "*..*" };`;
}
