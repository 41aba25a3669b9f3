import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { freePort } from './free-port.ts';

const python = join(import.meta.dirname, '../../.python/keys/bin/python');

/** Why tests with an AWS KMS cannot run here, or false. */
export const skip = existsSync(python) ? false : 'moto is not installed here; `npm run python` installs it';

/** The KMS of moto, which answers as AWS's does. */
export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: KMSClient;
  /** Whether requests are refused that are not signed with credentials of its IAM, which are none. */
  checkCredentials(on: boolean): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'a-secret-of-the-test' };

/** Starts moto on loopback; its state lasts as long as it runs. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const words = [join(import.meta.dirname, 'moto_kms.py'), '-H', '127.0.0.1', '-p', String(port)];
  const child = spawn(python, words, {
    stdio: 'ignore',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '' },
  });
  const client = new KMSClient({ endpoint, region: 'eu-central-1', credentials });
  try {
    await answers(endpoint);
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    endpoint,
    client,
    async checkCredentials(on) {
      await fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: on ? '0' : '1000000' });
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await end(child);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function answers(endpoint: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const up = await fetch(`${endpoint}/moto-api/`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('moto did not start');
}
