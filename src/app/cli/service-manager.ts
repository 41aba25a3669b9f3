import { execFile } from 'node:child_process';
import { errorText } from '../../kernel/fault.ts';
import type { CommandContext } from './command.ts';

/** The service manager that started this process, such as systemd; one that asks for nothing is told nothing. */
export interface ServiceManager extends Disposable {
  /** Everything answers. From now on it also hears that the process is alive, as often as it wants to. */
  ready(): void;
  /** The process has begun to end. */
  stopping(): void;
}

/**
 * Tells by the protocol of sd_notify(3). Node.js has no datagram sockets of the kind that it uses, so the tool of systemd sends
 * them; the unit needs `NotifyAccess=all` for that.
 */
export function openServiceManager(context: Pick<CommandContext, 'env' | 'say'>): ServiceManager {
  const { env, say } = context;
  if (env['NOTIFY_SOCKET'] === undefined) {
    return { ready() {}, stopping() {}, [Symbol.dispose]() {} };
  }
  let timer: NodeJS.Timeout | null = null;
  let busy = false;
  const tell = (...states: readonly string[]): void => {
    busy = true;
    const { NOTIFY_SOCKET = '', PATH = '/usr/bin:/bin' } = env;
    execFile('systemd-notify', [...states], { env: { NOTIFY_SOCKET, PATH }, timeout: 10_000 }, (error) => {
      busy = false;
      if (error) say(`The service manager could not be told ${states.join(' ')}: ${errorText(error)}`);
    });
  };
  return {
    ready() {
      tell('READY=1');
      const interval = watchdogInterval(env);
      // A loop that no longer turns tells nothing, and the manager starts the process anew.
      if (interval !== null) timer = setInterval(() => busy || tell('WATCHDOG=1'), interval).unref();
    },
    stopping() {
      this[Symbol.dispose]();
      tell('STOPPING=1');
    },
    [Symbol.dispose]() {
      if (timer) clearInterval(timer);
    },
  };
}

/** A third of what the manager waits, in milliseconds; null when it does not wait for this process. */
function watchdogInterval(env: CommandContext['env']): number | null {
  const { WATCHDOG_USEC: wait, WATCHDOG_PID: pid } = env;
  if (wait === undefined || !/^[1-9]\d{0,15}$/.test(wait)) return null;
  if (pid !== undefined && pid !== String(process.pid)) return null;
  return Math.max(1, Math.min(Math.floor(Number(wait) / 3_000), 2 ** 31 - 1));
}
