import type { Listener } from '../../http/exchange.ts';
import type { RunningGateway } from '../compose/compose-gateway.ts';
import type { DrainConfig } from '../config/fleet-settings.ts';
import type { CommandContext, Flag } from './command.ts';
import { openServiceManager } from './service-manager.ts';

/** Of every command that listens. */
export const portsFlag: Flag = {
  name: 'ports',
  kind: 'text',
  meaning: "'any' takes free ports instead of the configured ones",
  choices: ['configured', 'any'],
  default: 'configured',
};

/** Tells where the program answers, once everything does: one line of JSON, or lines for a person. */
export function announceListeners(
  context: CommandContext,
  listeners: Readonly<Record<string, Pick<Listener, 'url'>>>,
): void {
  const listening = Object.fromEntries(
    Object.entries(listeners).map(([name, listener]) => [name, listener.url]),
  );
  const lines = Object.entries(listening).map(([name, url]) => `  ${name.padEnd(9)} ${url}`);
  const text = ['Countersign is up.', ...lines, 'Press Ctrl-C to stop.'].join('\n');
  context.stdout.write(`${context.json ? JSON.stringify({ listening }) : text}\n`);
}

/**
 * Waits until the process is asked to end, and ends the gateway in it so that no call is lost; a person at a terminal waits for calls
 * alone. Whoever manages it as a service hears that it is up, and that it ends.
 */
export async function serveUntilEnded(
  context: CommandContext,
  gateway: Pick<RunningGateway, 'drain'> | null,
  { acceptMilliseconds, graceMilliseconds }: DrainConfig,
  log: (line: string) => void,
): Promise<void> {
  using manager = openServiceManager(context);
  manager.ready();
  const signal = context.ended;
  if (!signal.aborted) {
    await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
  }
  manager.stopping();
  log('Stopping: open requests may end, new ones are refused.');
  await gateway?.drain(signal.reason === 'SIGINT' ? 0 : acceptMilliseconds, graceMilliseconds);
}
