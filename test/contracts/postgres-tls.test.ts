import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { openState, postgresPlace } from '../../src/app/authority/open-state.ts';
import { readStoreFile } from '../../src/app/config/store-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import { startPostgres } from '../interop/start-postgres.ts';
import { isFault } from './is-fault.ts';

const password = 'canary-of-the-database-7391';
const folder = await mkdtemp(join(tmpdir(), 'countersign-postgres-tls-'));
const file = (name: string): string => join(folder, name);
for (const name of ['ours', 'other']) makeAuthority(name);
certify('server', 'ours', 'DNS:localhost');
const postgres = await startPostgres({
  user: 'countersign',
  tls: {
    certificate: await readFile(file('server.pem'), 'utf8'),
    key: await readFile(file('server.key'), 'utf8'),
  },
  access: ['hostssl all all 127.0.0.1/32 scram-sha-256'],
  settings: [`password_encryption = 'scram-sha-256'`],
});
await postgres.sql(postgres.database, `ALTER ROLE countersign PASSWORD '${password}'`);
after(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('S4 the store is reached over TLS, with a password that stands in no file of settings and in nothing that is said', async () => {
  await write({ host: 'localhost', authorities: 'ours.pem' });
  {
    await using store = await opened({ STORE: password });
    await store.meta.set('here', 'yes');
  }
  await assert.rejects(opened({ STORE: 'wrong' }), isFault('unavailable'));
  const refusal = await opened({ STORE: `${password}-or-nearly` }).catch((error: unknown) => error);
  assert.ok(refusal instanceof Fault && refusal.code === 'unavailable');
  assert.ok(!JSON.stringify([refusal.message, String(refusal.cause), refusal.stack]).includes(password));
  await assert.rejects(opened({}), isFault('secret_unresolved'));
});

test('S4 a server that another authority vouches for, or whose certificate has another name, is not believed (attack: in the middle)', async () => {
  await write({ host: 'localhost', authorities: 'other.pem' });
  await assert.rejects(opened({ STORE: password }), isFault('unavailable'));
  await write({ host: '127.0.0.1', authorities: 'ours.pem' });
  await assert.rejects(opened({ STORE: password }), isFault('unavailable'));
});

test('S4 to another machine there is always TLS, whatever the file says; on this one there is where an authority is named', () => {
  const world = worldOf({});
  const placeOf = (hosts: string, more = '') =>
    postgresPlace(
      dataFolder(folder),
      readStoreFile('store.yaml', `postgres: { hosts: [${hosts}], database: a, user: b${more} }`),
      world,
    );
  assert.ok(placeOf('db.example.internal').tls);
  assert.ok(placeOf('localhost, db.example.internal').tls);
  assert.ok(placeOf('localhost', ', authorities: ca.pem').tls);
  assert.equal(placeOf('localhost').tls, null);
  assert.equal(placeOf('"[::1]:5433", /run/postgresql').tls, null);
  assert.deepEqual(placeOf('"[::1]:5433"').hosts, [{ host: '::1', port: 5_433 }]);
});

interface Settings {
  readonly host: string;
  readonly authorities: string;
}

async function write({ host, authorities }: Settings): Promise<void> {
  const { port, database, user } = postgres;
  await writeFile(
    file('store.yaml'),
    `postgres: { hosts: ["${host}:${port}"], database: ${database}, user: ${user}, password: "env:STORE", authorities: ${authorities} }\n`,
  );
}

function worldOf(environment: Record<string, string>) {
  const redactor = createRedactor(systemClock);
  return { clock: systemClock, environment, redactor, log: () => undefined };
}

function opened(environment: Record<string, string>) {
  return openState(dataFolder(folder), worldOf(environment), 'create');
}

function makeAuthority(name: string): void {
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  openssl([...words, '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]);
}

function certify(name: string, issuer: string, alternative: string): void {
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  const by = [
    '-CA',
    file(`${issuer}.pem`),
    '-CAkey',
    file(`${issuer}.key`),
    '-addext',
    `subjectAltName=${alternative}`,
  ];
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE'];
  openssl([
    ...words,
    ...by,
    ...leaf,
    '-subj',
    `/CN=${name}`,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.pem`),
  ]);
}

function openssl(words: readonly string[]): void {
  execFileSync('openssl', words, { stdio: 'ignore' });
}
