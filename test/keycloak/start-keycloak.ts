import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { freePort } from '../interop/free-port.ts';
import type { Town } from '../journeys/deployment.ts';

/** A Keycloak with the realm `staff` of `staff-realm.json`. */
export interface Keycloak extends AsyncDisposable {
  readonly issuer: string;
  /** The root that vouches for its server, as PEM and as a file. */
  readonly roots: string;
  readonly rootsFile: string;
}

const startSeconds = 240;

/** Starts the Keycloak that was unpacked in `home`, on loopback with a certificate of the town. It keeps its state there. */
export async function startKeycloak(home: string, town: Town, folder: string): Promise<Keycloak> {
  const order = { name: 'keycloak', kind: 'server', dnsNames: ['localhost'], ipAddresses: [] } as const;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'keycloak' }));
  const { certificate, roots } = await town.deployment.authority.issueFor({ ...order, csr }, 'test');
  const file = (name: string): string => join(folder, name);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(file('keycloak.pem'), certificate);
  await writeFile(file('keycloak-key.pem'), key, { mode: 0o600 });
  await writeFile(file('keycloak-roots.pem'), roots);
  await mkdir(join(home, 'data/import'), { recursive: true });
  await copyFile(join(import.meta.dirname, 'staff-realm.json'), join(home, 'data/import/staff-realm.json'));
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const words = [
    join(home, 'bin/kc.sh'),
    'start-dev',
    '--import-realm',
    '--http-enabled=false',
    '--http-host=127.0.0.1',
    `--hostname=${url}`,
    `--https-port=${port}`,
    `--https-certificate-file=${file('keycloak.pem')}`,
    `--https-certificate-key-file=${file('keycloak-key.pem')}`,
  ];
  // A group of its own: the script starts Java, and both have to end.
  const child = spawn('sh', words, { stdio: 'ignore', detached: true });
  const issuer = `${url}/realms/staff`;
  try {
    await answering(`${issuer}/.well-known/openid-configuration`, roots, child);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { issuer, roots, rootsFile: file('keycloak-roots.pem'), [Symbol.asyncDispose]: () => end(child) };
}

async function answering(url: string, roots: string, child: ChildProcess): Promise<void> {
  const dispatcher = new Agent({ connect: { ca: roots } });
  try {
    for (let second = 0; second < startSeconds && child.exitCode === null; second++) {
      const answer = await fetch(url, { dispatcher }).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.status === 200) return;
      await wait(1_000);
    }
  } finally {
    await dispatcher.destroy();
  }
  throw new Error(`Keycloak does not answer at ${url}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await ended;
}
