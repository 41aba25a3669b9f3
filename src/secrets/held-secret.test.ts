import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { steppedClock, systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { SecretEvent } from './held-secret.ts';
import type { Lease, SecretHolder } from './holder.ts';
import { createRedactor } from './redact.ts';
import type { VaultSecret } from './reference.ts';
import { createSecretResolver, type SecretResolverOptions, type Secrets } from './resolve.ts';

const text = 'vault:kv/data/github#token';
const limits = { attemptMilliseconds: 50, totalMilliseconds: 100, attempts: 1, concurrent: 2 };

/** A holder in this process: what it does next is said by the test. */
interface Script {
  value: string;
  lease: Omit<Lease, 'id'> | null;
  fails: Fault | null;
  /** Reads wait for it. */
  until: Promise<void>;
  renewals: number;
  /** What a renewal gives, in milliseconds; null refuses it. */
  renewed: number | null;
  reads: string[];
  underWay: number;
  most: number;
  revoked: string[];
  ended: boolean;
}

function script(more: Partial<Script> = {}): Script {
  return {
    value: 'value-one',
    lease: null,
    fails: null,
    until: Promise.resolve(),
    renewals: 0,
    renewed: null,
    reads: [],
    underWay: 0,
    most: 0,
    revoked: [],
    ended: false,
    ...more,
  };
}

function holderOf(said: Script): SecretHolder<VaultSecret> {
  return {
    async read({ path }) {
      said.reads.push(path);
      said.underWay += 1;
      said.most = Math.max(said.most, said.underWay);
      await said.until;
      said.underWay -= 1;
      if (said.fails) throw said.fails;
      const lease = said.lease && { ...said.lease, id: `lease-${said.reads.length}` };
      return { fields: new Map([['token', said.value]]), whole: null, lease };
    },
    async renew() {
      said.renewals += 1;
      if (said.renewed === null) throw new Fault('secret_unresolved', 'lease not found');
      return said.renewed;
    },
    async revoke({ id }) {
      said.revoked.push(id);
    },
    async [Symbol.asyncDispose]() {
      said.ended = true;
    },
  };
}

function open(
  said: Script,
  more: Partial<SecretResolverOptions> = {},
): Secrets & { readonly clock: ReturnType<typeof steppedClock>; readonly events: SecretEvent[] } {
  const clock = steppedClock(0);
  const events: SecretEvent[] = [];
  const secrets = createSecretResolver({
    environment: {},
    redactor: createRedactor(),
    clock,
    holders: { vault: holderOf(said) },
    limits,
    tell: (event) => events.push(event),
    ...more,
  });
  return Object.assign(secrets, { clock, events });
}

function isFault(code: string, saying?: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof Fault && error.code === code && (saying === undefined || saying.test(error.message));
}

test('S1 a secret is read once for all who wait, used for as long as it is held, and then read again', async () => {
  const said = script();
  await using secrets = open(said);
  const all = await Promise.all(Array.from({ length: 20 }, () => secrets.resolve(text)));
  assert.deepEqual(new Set(all), new Set(['value-one']));
  assert.equal(said.reads.length, 1);
  said.value = 'value-two';
  secrets.clock.advance(4_999);
  assert.equal(await secrets.resolve(text), 'value-one');
  secrets.clock.advance(1);
  assert.equal(await secrets.resolve(text), 'value-two');
  assert.equal(said.reads.length, 2);
});

test('S1 two fields of one path come out of one lease', async () => {
  const said = script({ lease: { milliseconds: 60_000, renewable: true } });
  await using secrets = open(said);
  await Promise.all([secrets.resolve(text), secrets.resolve(`Basic \${${text}}:\${${text}}`)]);
  assert.equal(said.reads.length, 1);
});

test('S1 no more secrets are read at once than the limit says', async () => {
  const said = script();
  await using secrets = open(said);
  await Promise.all(Array.from({ length: 9 }, (_, at) => secrets.resolve(`vault:kv/data/s${at}#token`)));
  assert.deepEqual([said.reads.length, said.most], [9, 2]);
});

test('S1 a server that refuses a secret has it read again at once, by one read for all, and not again and again while it is the same', async () => {
  const said = script();
  await using secrets = open(said);
  const used = await secrets.resolve(text);
  said.value = 'value-two';
  const next = await Promise.all([secrets.replaced(text, used), secrets.replaced(text, used)]);
  assert.deepEqual(next, ['value-two', 'value-two']);
  assert.equal(said.reads.length, 2);
  assert.equal(await secrets.replaced(text, used), 'value-two', 'somebody else had it read');
  for (let calls = 0; calls < 50; calls++) assert.equal(await secrets.replaced(text, 'value-two'), null);
  assert.equal(said.reads.length, 3);
  secrets.clock.advance(600);
  for (let calls = 0; calls < 50; calls++) assert.equal(await secrets.replaced(text, 'value-two'), null);
  assert.equal(said.reads.length, 4);
  said.value = 'value-three';
  secrets.clock.advance(1_200);
  assert.equal(await secrets.replaced(text, 'value-two'), 'value-three');
});

test('S1 a leased credential that a server refuses is not made anew at every call', async () => {
  const said = script({ lease: { milliseconds: 3_600_000, renewable: true } });
  await using secrets = open(said);
  const used = await secrets.resolve(text);
  for (let calls = 0; calls < 20; calls++) assert.equal(await secrets.replaced(text, used), null);
  assert.equal(said.reads.length, 1);
  said.value = 'value-two';
  secrets.clock.advance(30_000);
  assert.equal(await secrets.replaced(text, used), 'value-two');
  assert.equal(said.reads.length, 2);
});

test('S1 a holder that is down is asked once and then left alone for longer and longer, and the call is denied', async () => {
  const said = script({ fails: new Fault('unavailable', 'It is sealed.', { cause: new Error('said it') }) });
  await using secrets = open(said);
  const denied = isFault(
    'secret_unavailable',
    /^vault:kv\/data\/github#token cannot be read now\. It is sealed\./,
  );
  const waits: number[] = [];
  for (let failures = 1; failures <= 8; failures++) {
    for (let calls = 0; calls < 50; calls++) await assert.rejects(secrets.resolve(text), denied);
    assert.equal(said.reads.length, failures);
    const fault: unknown = await secrets.resolve(text).catch((error: unknown) => error);
    waits.push((fault instanceof Fault && fault.retryAfterMilliseconds) || 0);
    secrets.clock.advance(waits.at(-1) ?? 0);
  }
  assert.ok(waits[0] !== undefined && waits[0] >= 400 && waits[0] <= 600, String(waits));
  assert.ok(waits.every((wait) => wait <= 18_000) && (waits.at(-1) ?? 0) >= 12_000, String(waits));
  said.fails = null;
  assert.equal(await secrets.resolve(text), 'value-one');
});

test('S1 while a holder is left alone nothing else is asked of it either, and then one read tries for all', async () => {
  const said = script({ fails: new Fault('timed_out', 'It is slow.') });
  await using secrets = open(said);
  await assert.rejects(secrets.resolve(text), isFault('secret_unavailable'));
  await assert.rejects(secrets.resolve('vault:kv/data/other#token'), isFault('secret_unavailable'));
  assert.equal(said.reads.length, 1);
  secrets.clock.advance(20_000);
  const gate = Promise.withResolvers<void>();
  said.until = gate.promise;
  const asked = Promise.allSettled(
    Array.from({ length: 30 }, (_, at) => secrets.resolve(`vault:kv/data/s${at}#token`)),
  );
  await turn();
  assert.equal(said.reads.length, 2);
  gate.resolve();
  const outcomes = await asked;
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  assert.equal(said.reads.length, 2);
});

test('S1 what a holder refuses is not asked for at every call, and named by its reference and nothing the holder wrote', async () => {
  const said = script({
    fails: new Fault('secret_unresolved', 'Vault does not let it be read.', { cause: 'x' }),
  });
  await using secrets = open(said);
  for (let calls = 0; calls < 20; calls++) {
    await assert.rejects(
      secrets.resolve(text),
      isFault('secret_unresolved', /^vault:kv\/data\/github#token: /),
    );
  }
  assert.equal(said.reads.length, 1);
  assert.deepEqual(
    secrets.events.map(({ kind, source }) => [kind, source]),
    [['failed', 'vault:kv/data/github']],
  );
});

test('S1 after its time a value is used no longer while its holder is down, unless that was chosen', async () => {
  for (const outageMilliseconds of [0, 60_000]) {
    const said = script();
    await using secrets = open(said, { outageMilliseconds });
    await secrets.resolve(text);
    said.fails = new Fault('unavailable', 'It is down.');
    secrets.clock.advance(30_000);
    if (outageMilliseconds === 0) await assert.rejects(secrets.resolve(text), isFault('secret_unavailable'));
    else assert.equal(await secrets.resolve(text), 'value-one');
    secrets.clock.advance(40_000);
    await assert.rejects(secrets.resolve(text), isFault('secret_unavailable'));
    // Whoever is refused is refused at once.
    said.fails = null;
    secrets.clock.advance(30_000);
    await secrets.resolve(text);
    said.fails = new Fault('secret_unresolved', 'It is gone.');
    secrets.clock.advance(6_000);
    await assert.rejects(secrets.resolve(text), isFault('secret_unresolved'));
  }
});

test('S1 a lease is renewed before it ends, and replaced by another credential at the end of its largest life', async () => {
  const said = script({ lease: { milliseconds: 60_000, renewable: true }, renewed: 60_000 });
  await using secrets = open(said);
  await secrets.resolve(text);
  assert.equal(secrets.lease(text), 60_000);
  secrets.clock.advance(35_000);
  await secrets.resolve(text);
  assert.equal(said.renewals, 0);
  for (const wait of [11_000, 46_000, 46_000, 46_000, 46_000]) {
    secrets.clock.advance(wait);
    assert.equal(await secrets.resolve(text), 'value-one');
    await turn();
  }
  assert.deepEqual([said.reads.length, said.renewals], [1, 5]);
  said.renewed = 20_000;
  said.value = 'value-two';
  secrets.clock.advance(46_000);
  assert.equal(await secrets.resolve(text), 'value-one', 'nobody waits while the old one is good');
  await turn();
  assert.equal(await secrets.resolve(text), 'value-two');
  assert.deepEqual([said.reads.length, said.renewals], [2, 6]);
});

test('S1 a lease that the holder no longer knows is replaced, and one that ended is not handed out', async () => {
  const said = script({ lease: { milliseconds: 60_000, renewable: true } });
  await using secrets = open(said);
  await secrets.resolve(text);
  said.value = 'value-two';
  secrets.clock.advance(46_000);
  await secrets.resolve(text);
  await turn();
  assert.equal(await secrets.resolve(text), 'value-two');
  said.fails = new Fault('unavailable', 'It is down.');
  secrets.clock.advance(58_000);
  await assert.rejects(secrets.resolve(text), isFault('secret_unavailable'));
});

test('S1 every lease in use is given back at the end, the replaced one too, and the holder ends after that', async () => {
  const said = script({ lease: { milliseconds: 60_000, renewable: false } });
  const secrets = open(said);
  await secrets.resolve(text);
  secrets.clock.advance(46_000);
  await secrets.resolve(text);
  await turn();
  assert.equal(said.reads.length, 2);
  await secrets[Symbol.asyncDispose]();
  assert.deepEqual([said.revoked.toSorted(), said.ended], [['lease-1', 'lease-2'], true]);
});

test('S1 references of a kind for which there is no holder are refused with the setting that names one', async () => {
  await using secrets = open(script(), { holders: {} });
  await assert.rejects(secrets.resolve(text), isFault('secret_unresolved', /secrets\.vault\.address/));
  await assert.rejects(
    secrets.resolve('k8s:a/b#c'),
    isFault('secret_unresolved', /secrets\.kubernetes\.address/),
  );
});

test('S1 bad input: a field that is not there, empty or too large is no secret, and the fault holds no value', async () => {
  for (const value of ['', 'x'.repeat(70_000)]) {
    await using secrets = open(script({ value }));
    await assert.rejects(secrets.resolve(text), isFault('secret_unresolved', /^.{1,200}$/));
    await assert.rejects(
      secrets.resolve('vault:kv/data/github#other'),
      isFault('secret_unresolved', /no text in other/),
    );
  }
});

test('S1 a lease that somebody keeps is renewed though nobody asks for it, and given back after that', async () => {
  const said = script({ lease: { milliseconds: 400, renewable: true }, renewed: 400 });
  await using secrets = open(said, { clock: systemClock });
  await secrets.resolve(text);
  const kept = secrets.keep(text);
  await wait(1_000);
  assert.ok(said.renewals >= 2, String(said.renewals));
  assert.deepEqual([said.reads.length, said.revoked], [1, []]);
  kept[Symbol.dispose]();
  await wait(600);
  assert.deepEqual(said.revoked, ['lease-1']);
  assert.equal(await secrets.resolve(text), 'value-one');
  assert.equal(said.reads.length, 2);
});
