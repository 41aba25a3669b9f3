import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const program = '/usr/sbin/rsyslogd';

/** Why tests with rsyslog cannot run here, or false. */
export const skip = existsSync(program) ? false : 'rsyslog is not installed here';

/** An rsyslog that takes syslog over TLS from whoever shows a certificate of the authority. */
export interface Rsyslog extends AsyncDisposable {
  readonly port: number;
  /** The messages that it wrote, as they came, in their order. */
  messages(): Promise<readonly string[]>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** `ca`, `certificate` and `key` are PEM. */
export async function openRsyslog(
  folder: string,
  material: { readonly ca: string; readonly certificate: string; readonly key: string },
): Promise<Rsyslog> {
  const at = (name: string): string => join(folder, name);
  const port = await freePort();
  await Promise.all(
    Object.entries(material).map(([name, text]) =>
      writeFile(at(`syslog-${name}.pem`), text, { mode: 0o600 }),
    ),
  );
  await writeFile(
    at('rsyslog.conf'),
    `global(
  workDirectory="${folder}" maxMessageSize="64k"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="${at('syslog-ca.pem')}"
  defaultNetstreamDriverCertFile="${at('syslog-certificate.pem')}" defaultNetstreamDriverKeyFile="${at('syslog-key.pem')}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="audit") { action(type="omfile" file="${at('received.log')}" template="raw") }
input(type="imtcp" port="${port}" address="127.0.0.1" ruleset="audit")
`,
  );
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    const words = ['-n', '-C', '-f', at('rsyslog.conf'), '-i', at('rsyslog.pid')];
    child = spawn(program, words, { stdio: 'ignore' });
    await listening(port);
  };
  const stop = async (): Promise<void> => {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGTERM');
    await gone;
  };
  await start();
  return {
    port,
    start,
    stop,
    async messages() {
      const text = await readFile(at('received.log'), 'utf8').catch(() => '');
      return text.split('\n').filter(Boolean);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('rsyslog did not start');
}
