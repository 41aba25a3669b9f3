import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { readStoreFile } from './store-file.ts';

const whole = `
postgres:
  hosts: [db1.example.internal, "db2.example.internal:6432", "[::1]:5432", /run/postgresql]
  database: countersign
  user: countersign
  password: env:STORE_PASSWORD
  authorities: database-ca.pem
`;

test('S4 the file of the store names servers, a database and where the password is', () => {
  const { postgres } = readStoreFile('store.yaml', whole);
  assert.equal(postgres.hosts.length, 4);
  assert.equal(postgres.password, 'env:STORE_PASSWORD');
});

test('S4 bad input: a password in the file, a URL, no host or half a client certificate is refused', () => {
  const bad = [
    '',
    'postgres: {}',
    whole.replace('env:STORE_PASSWORD', 'correct-horse'),
    whole.replace('db1.example.internal', 'postgres://db1'),
    whole.replace(/hosts: .*/, 'hosts: []'),
    `${whole}  certificate: us.pem\n`,
    `${whole}  tls: disable\n`,
    whole.replace('database: countersign', 'database: "a b"'),
  ];
  for (const text of bad) {
    assert.throws(
      () => readStoreFile('store.yaml', text),
      (error) =>
        error instanceof Fault && error.code === 'config_invalid' && !error.message.includes('correct-horse'),
      text,
    );
  }
});
