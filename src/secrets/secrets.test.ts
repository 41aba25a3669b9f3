import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { steppedClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { createRedactor, type Redactor } from './redact.ts';
import { parseReference, parseValue } from './reference.ts';
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

test('S1 reads references to what other programs hold', () => {
  assert.deepEqual(parseReference('vault:kv/data/team a/github?version=3#token'), {
    kind: 'vault',
    path: 'kv/data/team a/github',
    version: 3,
    field: 'token',
  });
  assert.deepEqual(parseReference('aws-sm:prod/github?stage=AWSPREVIOUS#token'), {
    kind: 'aws-sm',
    id: 'prod/github',
    stage: 'AWSPREVIOUS',
    version: null,
    field: 'token',
  });
  const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:github-AbCdEf';
  assert.deepEqual(parseReference(`aws-sm:${arn}`), {
    kind: 'aws-sm',
    id: arn,
    stage: null,
    version: null,
    field: null,
  });
  assert.deepEqual(parseReference('k8s:agents/github#token'), {
    kind: 'k8s',
    namespace: 'agents',
    name: 'github',
    field: 'token',
  });
});

test('S1 bad input: what leads elsewhere than to a secret of a server is no reference', () => {
  for (const text of [
    'vault:kv/data/github',
    'vault:kv#token',
    'vault:/kv/data/github#token',
    'vault:kv/../sys/seal#token',
    'vault:kv/data/github?list=true#token',
    'vault:kv/data/git%2fhub#token',
    // The gateway's own token would come back from these.
    'vault:auth/token/lookup-self#id',
    'vault:sys/internal/ui/mounts#x',
    'vault:identity/oidc/token/x#token',
    'vault:cubbyhole/x#token',
    'aws-sm:',
    'aws-sm:name with spaces#key',
    'aws-sm:name?stage=A&stage=B',
    'aws-sm:arn:aws:s3:::bucket#key',
    'k8s:github#token',
    'k8s:a/b/c#token',
    'k8s:a/..#token',
    'k8s:a/b?x=y#token',
    'k8s:a/b',
  ]) {
    assert.throws(() => parseReference(text), { code: 'invalid_input' }, text);
  }
});

test('S1 a value may have references between other text, and a slip in one is not sent as a credential', async () => {
  const secrets = resolver({ TOKEN: 'abcdefgh-secret', USER: 'ann' });
  for (const [text, value] of [
    ['Bearer ${env:TOKEN}', 'Bearer abcdefgh-secret'],
    ['${env:USER}:${env:TOKEN}', 'ann:abcdefgh-secret'],
    ['${HOME}/x$', '${HOME}/x$'],
    ['', ''],
  ] as const) {
    assert.equal(await secrets.resolve(text), value);
  }
  for (const text of ['Bearer ${valt:kv/data/x#y}', 'Bearer ${vault:kv/data/x#y', 'Bearer ${env:A B}']) {
    assert.throws(() => parseValue(text), { code: 'invalid_input' }, text);
    await assert.rejects(secrets.resolve(text), { code: 'invalid_input' });
  }
});

test('S1 no text makes reading references do anything but read or refuse', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '${',
      '}',
      'vault:',
      'env:',
      'k8s:',
      'aws-sm:',
      '#',
      '?',
      '/',
      '..',
      'constructor:',
      '__proto__:',
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      try {
        const parts = parseValue(text);
        const written = parts.map((part) =>
          part.kind === 'text' || parts.length === 1 ? part.text : `\${${part.text}}`,
        );
        assert.ok(written.join('') === text || parts.some(({ kind }) => kind === 'secret'));
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'invalid_input', String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('S1 the redactor knows a value while it is in use and for an hour after it was replaced', async () => {
  await using place = await folder();
  const path = join(place.path, 'token');
  const secrets = resolver();
  for (const value of ['value-number-one', 'value-number-two', 'value-number-three']) {
    await writeFile(path, value, { mode: 0o600 });
    clock.advance(5_001);
    for (let calls = 0; calls < 3; calls++) assert.equal(await secrets.resolve(`file:${path}`), value);
  }
  assert.equal(secrets.redactor.redact('value-number-one value-number-three'), '[secret] [secret]');
  clock.advance(3_600_001);
  await writeFile(path, 'value-number-four');
  await secrets.resolve(`file:${path}`);
  assert.equal(secrets.redactor.redact('value-number-one value-number-three'), 'value-number-one [secret]');
});

test('S2 says once of a reference that its value is short or plain, and never the value', async () => {
  const told: string[] = [];
  const secrets = createSecretResolver({
    environment: { PIN: '123456', TOKEN: 'abcdefgh-secret' },
    redactor: createRedactor(),
    clock,
    onPlain: (reference) => told.push(reference),
  });
  for (const reference of ['env:PIN', 'env:TOKEN', 'env:PIN']) await secrets.resolve(reference);
  assert.deepEqual(told, ['env:PIN']);
});
