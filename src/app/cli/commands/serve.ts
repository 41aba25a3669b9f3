import { resolve } from 'node:path';
import { dataFolder } from '../../authority/data-folder.ts';
import { composeDeployment } from '../../compose/compose-deployment.ts';
import { configFlags, loadConfig } from '../../config/load-config.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { passphraseFlags, readPassphrase } from '../passphrase.ts';

const folderFlag: Flag = {
  name: 'folder',
  kind: 'text',
  placeholder: 'folder',
  meaning: 'the data folder that `init` made',
  default: '.countersign',
};
const portsFlag: Flag = {
  name: 'ports',
  kind: 'text',
  meaning: "'any' takes free ports instead of the configured ones",
  choices: ['configured', 'any'],
  default: 'configured',
};

/** The commands that stay up. */
export const serveCommands: readonly Command[] = [
  {
    path: ['up'],
    summary: 'Run authority and gateway in one process',
    example: 'countersign up --folder .countersign',
    flags: [folderFlag, portsFlag, ...configFlags, ...passphraseFlags],
    positionals: [],
    run: (context, input) => serve(context, input, { gateway: true }),
  },
  {
    path: ['authority'],
    summary: 'Run the authority alone; gateways elsewhere follow it',
    example: 'countersign authority --folder /var/lib/countersign',
    flags: [folderFlag, portsFlag, ...configFlags, ...passphraseFlags],
    positionals: [],
    run: (context, input) => serve(context, input, { gateway: false }),
  },
];

async function serve(
  context: CommandContext,
  input: CommandInput,
  faces: { readonly gateway: boolean },
): Promise<CommandResult> {
  await using deployment = await composeDeployment({
    config: await loadConfig(context, input),
    data: dataFolder(resolve(input.must('folder'))),
    passphrase: () => readPassphrase(context, input, { confirm: false }),
    gateway: faces.gateway,
    clock: context.clock,
    log: context.say,
  });
  const listening = Object.fromEntries(
    Object.entries(deployment.listeners).map(([name, listener]) => [name, listener.url]),
  );
  context.stdout.write(`${context.json ? JSON.stringify({ listening }) : ready(listening)}\n`);
  await untilEnded(context.ended);
  context.say('Stopping: open requests may end, new ones are refused.');
  return { text: '', json: null };
}

function ready(listening: Readonly<Record<string, string>>): string {
  const lines = Object.entries(listening).map(([name, url]) => `  ${name.padEnd(9)} ${url}`);
  return ['Countersign is up.', ...lines, 'Press Ctrl-C to stop.'].join('\n');
}

async function untilEnded(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
