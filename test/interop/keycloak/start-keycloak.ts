import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import { encodePem } from '../../../src/x509/pem.ts';
import { buildRequest } from '../../../src/x509/request.ts';
import { freePort } from '../free-port.ts';
import type { Town } from '../../journeys/deployment.ts';
import { keycloakHome, keycloakJava } from './keycloak-home.ts';
import { startPostgres } from '../start-postgres.ts';

/** A Keycloak with the realms of `staff-realm.json` and `agents-realm.json`. */
export interface Keycloak extends AsyncDisposable {
  /** The issuer of a realm. */
  issuer(realm: 'staff' | 'agents'): string;
  /** The root that vouches for its server, as PEM and as a file. */
  readonly roots: string;
  readonly rootsFile: string;
}

/** What stands in the realm `agents` as `${NAME}`. */
export interface RealmPlaceholders extends Readonly<Record<string, string>> {
  /** The canonical resource that its tokens are for. */
  readonly MCP_RESOURCE: string;
  readonly MCP_SERVER_SECRET: string;
  /** Where its login leads back to, and where it tells of a logout. */
  readonly MCP_SERVER_CALLBACK: string;
  readonly MCP_SERVER_LOGOUT: string;
}

const startSeconds = 240;

/** Starts the Keycloak of `npm run keycloak` on loopback, with a certificate of the town, on a PostgreSQL of its own. */
export async function startKeycloak(
  town: Town,
  folder: string,
  placeholders: RealmPlaceholders,
): Promise<Keycloak> {
  await using opened = new AsyncDisposableStack();
  const postgres = opened.use(await startPostgres());
  const home = await homeIn(folder);
  const files = await certify(town, folder);
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const words = [
    join(home, 'bin/kc.sh'),
    'start',
    '--optimized',
    '--import-realm',
    '--cache=local',
    '--http-host=127.0.0.1',
    `--hostname=${url}`,
    `--https-port=${port}`,
    `--https-certificate-file=${files.certificate}`,
    `--https-certificate-key-file=${files.key}`,
    // Java finds the common name of an agent outside of what the root lets the intermediate name: docs/divergences.md. Keycloak
    // was built to ask for certificates and not to require them.
    `--https-trust-store-file=${town.data.intermediateCertificate}`,
    // Whom it believes when it tells of a logout.
    `--truststore-paths=${files.roots}`,
    `--db-url=jdbc:postgresql://${postgres.host}:${postgres.port}/${postgres.database}`,
    `--db-username=${postgres.user}`,
  ];
  // A group of its own: the script starts Java, and both have to end.
  const env = { ...process.env, ...keycloakJava, ...placeholders };
  const child = spawn('sh', words, { stdio: ['ignore', 'pipe', 'inherit'], detached: true, env });
  opened.defer(() => end(child));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-4_000)));
  const roots = await readFile(files.roots, 'utf8');
  if (!(await answers(`${url}/realms/agents/.well-known/openid-configuration`, roots, child))) {
    throw new Error(`Keycloak does not answer at ${url}. It said: ${said}`);
  }
  const whole = opened.move();
  return {
    issuer: (realm) => `${url}/realms/${realm}`,
    roots,
    rootsFile: files.roots,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

/** Keycloak writes into its own folder: one whose state goes away with the test, with the programs of the installed one. */
async function homeIn(folder: string): Promise<string> {
  const home = join(folder, 'keycloak');
  await mkdir(join(home, 'data/import'), { recursive: true });
  for (const part of ['bin', 'conf', 'providers', 'themes']) {
    await cp(join(keycloakHome, part), join(home, part), { recursive: true });
  }
  await symlink(join(keycloakHome, 'lib'), join(home, 'lib'));
  for (const realm of ['staff-realm.json', 'agents-realm.json']) {
    await copyFile(join(import.meta.dirname, realm), join(home, 'data/import', realm));
  }
  return home;
}

async function certify(
  town: Town,
  folder: string,
): Promise<{ readonly certificate: string; readonly key: string; readonly roots: string }> {
  const order = { name: 'keycloak', kind: 'server', dnsNames: ['localhost'], ipAddresses: [] } as const;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'keycloak' }));
  const { certificate, roots } = await town.deployment.authority.issueFor({ ...order, csr }, 'test');
  const at = (name: string): string => join(folder, name);
  const files = {
    certificate: at('keycloak.pem'),
    key: at('keycloak-key.pem'),
    roots: at('keycloak-roots.pem'),
  };
  await writeFile(files.certificate, certificate);
  await writeFile(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(files.roots, roots);
  return files;
}

async function answers(url: string, roots: string, child: ChildProcess): Promise<boolean> {
  const dispatcher = new Agent({ connect: { ca: roots } });
  try {
    for (let second = 0; second < startSeconds && child.exitCode === null; second++) {
      const answer = await fetch(url, { dispatcher }).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.status === 200) return true;
      await wait(1_000);
    }
  } finally {
    await dispatcher.destroy();
  }
  return false;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await ended;
}
