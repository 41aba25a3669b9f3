import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { steppedClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { createRedactor, type Redactor } from './redact.ts';
import { parseReference } from './reference.ts';
import { createSecretResolver, type SecretResolver } from './resolve.ts';

const clock = steppedClock(0);

function resolver(
  environment: Record<string, string> = {},
): SecretResolver & { readonly redactor: Redactor } {
  const redactor = createRedactor();
  return { ...createSecretResolver({ environment, redactor, clock }), redactor };
}

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('reads references to the environment and to files, and leaves other text as it is', () => {
  assert.deepEqual(parseReference('env:GITHUB_TOKEN'), { kind: 'env', name: 'GITHUB_TOKEN' });
  assert.deepEqual(parseReference('file:/run/secrets/token'), { kind: 'file', path: '/run/secrets/token' });
  assert.deepEqual(parseReference('Bearer x:y'), { kind: 'plain', value: 'Bearer x:y' });
});

test('refuses what only begins like a reference, so that it is not sent as a credential', () => {
  for (const text of [
    'env:',
    'env:A B',
    'env:$A',
    'file:',
    'file:token',
    'file:./token',
    'file://host/token',
  ]) {
    assert.throws(() => parseReference(text), { code: 'invalid_input' }, text);
  }
});

test('resolves a variable, and names the reference when it is missing or empty', async () => {
  const secrets = resolver({ TOKEN: 'abcdefgh-secret', EMPTY: '' });
  assert.equal(await secrets.resolve('env:TOKEN'), 'abcdefgh-secret');
  for (const name of ['MISSING', 'EMPTY']) {
    await assert.rejects(secrets.resolve(`env:${name}`), (fault: Fault) => {
      return fault.code === 'secret_unresolved' && fault.message.includes(`env:${name}`);
    });
  }
});

test('reads a private file without its last newline, and again once the value was held long enough', async () => {
  await using place = await folder();
  const path = join(place.path, 'token');
  await writeFile(path, 'first value\n', { mode: 0o600 });
  const secrets = resolver();
  assert.equal(await secrets.resolve(`file:${path}`), 'first value');
  await writeFile(path, 'second value');
  assert.equal(await secrets.resolve(`file:${path}`), 'first value');
  clock.advance(5_001);
  assert.equal(await secrets.resolve(`file:${path}`), 'second value');
});

test('refuses a file that others can read, also behind a link, and one that is missing', async () => {
  await using place = await folder();
  const path = join(place.path, 'token');
  await writeFile(path, 'a value that is secret');
  await chmod(path, 0o644);
  await symlink(path, join(place.path, 'link'));
  for (const name of ['token', 'link', 'missing']) {
    await assert.rejects(resolver().resolve(`file:${join(place.path, name)}`), (fault: Fault) => {
      return fault.code === 'secret_unresolved' && !fault.message.includes('a value that is secret');
    });
  }
});

test('cuts a leased value out of text in every form it may leave in', async () => {
  const value = 'p"ss/w\\rd+ü=1?';
  const secrets = resolver({ TOKEN: value });
  await secrets.resolve('env:TOKEN');
  const octets = Buffer.from(value);
  const forms = [
    value,
    octets.toString('base64'),
    octets.toString('base64url'),
    octets.toString('hex'),
    octets.toString('hex').toUpperCase(),
    encodeURIComponent(value),
    JSON.stringify(value),
  ];
  for (const form of forms) {
    const left = secrets.redactor.redact(`before ${form} after`);
    assert.match(left, /^before "?\[secret\]"?=* after$/, form);
  }
  const json = secrets.redactor.redactJson({ a: [value, 1, null], [value]: { b: `x${value}` } });
  assert.deepEqual(json, { a: ['[secret]', 1, null], '[secret]': { b: 'x[secret]' } });
});

test('cuts the longer of two secrets whole when one is part of the other, and ignores short ones', () => {
  const redactor = createRedactor();
  redactor.learn('abcdefgh');
  redactor.learn('abcdefgh-and-more');
  redactor.learn('short');
  assert.equal(redactor.redact('abcdefgh-and-more, abcdefgh, short'), '[secret], [secret], short');
});

test('no learnt value survives redaction, whatever its characters', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 8, unit: 'binary' }),
      fc.string(),
      fc.string(),
      (value, before, after) => {
        fc.pre(!'[secret]'.includes(value) && !before.includes('[') && !after.includes(']'));
        const redactor = createRedactor();
        redactor.learn(value);
        assert.ok(redactor.redact(before + value + after).includes('[secret]'));
      },
    ),
  );
});
