import { resolve } from 'node:path';
import { dataFolder } from '../../authority/data-folder.ts';
import { openAuthority } from '../../authority/open-authority.ts';
import { announce } from '../../authority/running-authority.ts';
import { composeAuthority, listenerNames } from '../../compose/compose-authority.ts';
import { composeGateway } from '../../compose/compose-gateway.ts';
import { openOps } from '../../compose/open-ops.ts';
import { holdOwnIdentity } from '../../compose/own-identity.ts';
import { configFlags, loadConfig } from '../../config/load-config.ts';
import type { Listener } from '../../../http/exchange.ts';
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
  const { clock } = context;
  const log = context.say;
  const data = dataFolder(resolve(input.must('folder')));
  const config = await loadConfig(context, input);
  await using opened = new AsyncDisposableStack();
  const authority = opened.use(
    await openAuthority({
      data,
      passphrase: () => readPassphrase(context, input, { confirm: false }),
      clock,
      log,
    }),
  );
  const listeners = opened.use(await composeAuthority({ config, clock, authority, log }));
  const named: Record<string, Listener> = { ...pick(listeners) };
  let gateway: Awaited<ReturnType<typeof composeGateway>> | null = null;
  if (faces.gateway) {
    const names = listenerNames(config, ['agents']);
    const identity = opened.use(
      await holdOwnIdentity({
        name: 'gateway',
        ...names,
        issue: (csr) => authority.issueFor({ name: 'gateway', kind: 'gateway', csr, ...names }, 'authority'),
        clock,
        log,
      }),
    );
    gateway = opened.use(
      await composeGateway({
        config,
        clock,
        trustDomain: authority.issuer.trustDomain,
        identity,
        auditFolder: data.gatewayLog,
        auditKey: authority.auditKey,
        follow: (listener) => authority.feed.subscribe(listener),
        log,
      }),
    );
    named['agents'] = gateway.agents;
  }
  named['ops'] = opened.use(await openOps({ config, clock, authority, gateway }));
  opened.use(await announce(data, { pid: process.pid, authority: listeners.authority.url }));
  const listening = Object.fromEntries(Object.entries(named).map(([name, listener]) => [name, listener.url]));
  context.stdout.write(`${context.json ? JSON.stringify({ listening }) : ready(listening)}\n`);
  await untilEnded(context.ended);
  log('Stopping: open requests may end, new ones are refused.');
  return { text: '', json: null };
}

function pick(listeners: {
  authority: Listener;
  people: Listener;
  plain: Listener;
}): Record<string, Listener> {
  const { authority, people, plain } = listeners;
  return { authority, people, plain };
}

function ready(listening: Readonly<Record<string, string>>): string {
  const lines = Object.entries(listening).map(([name, url]) => `  ${name.padEnd(9)} ${url}`);
  return ['Countersign is up.', ...lines, 'Press Ctrl-C to stop.'].join('\n');
}

async function untilEnded(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
