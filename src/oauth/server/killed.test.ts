import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { entryCipher } from './entry-cipher.ts';
import { codeFor, granted, redeem, refresh } from './flows.fixture.ts';
import { memoryOauthRecords } from './memory-records.ts';
import type { OauthRecords } from './oauth-records.ts';
import { type Answer, openTestServer, type TestServer } from './server.fixture.ts';
import { tokenRecord } from './token-record.ts';

/** What changes the store or the log: between any two of them the process may be killed. */
const steps = ['put', 'putOnce', 'consume', 'retry', 'remove', 'noteIssued', 'end'] as const;

/** What a process had done when it was killed. */
interface Death {
  readonly done: string[];
  readonly killed: Promise<'killed'>;
}

/** A process over a store that outlives it, which is killed at a step: before it, or after it and before anybody hears of it. */
async function mortal(
  records: OauthRecords,
  more: { readonly cipher: ReturnType<typeof entryCipher> },
  at: { readonly step: number; readonly when: 'before' | 'after' },
): Promise<{ readonly town: TestServer; readonly death: Death }> {
  const done: string[] = [];
  let die: (word: 'killed') => void = () => undefined;
  const killed = new Promise<'killed'>((resolve) => (die = resolve));
  const forever = (): Promise<never> => {
    die('killed');
    return new Promise(() => undefined);
  };
  let step = 0;
  const counted =
    <Given extends readonly unknown[], Result>(name: string, act: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      step += 1;
      if (step > at.step) return await forever();
      if (step === at.step && at.when === 'before') return await forever();
      const result = await act(...given);
      done.push(name);
      return step === at.step ? await forever() : result;
    };
  const dying = { ...records };
  for (const name of steps) Object.assign(dying, { [name]: counted(name, records[name] as never) });
  const append = counted('append', async () => undefined as never);
  const record = tokenRecord({ records: dying, audit: { append }, strangers: { record: append } });
  return {
    town: await openTestServer({ ...more, records: dying, record }),
    death: { done, killed },
  };
}

interface Life {
  readonly records: OauthRecords;
  readonly cipher: ReturnType<typeof entryCipher>;
  /** The process that comes after. */
  readonly next: TestServer;
}

async function newLife(): Promise<Life> {
  const records = memoryOauthRecords();
  const cipher = entryCipher(generateKeyPairSync('ed25519').privateKey);
  const append = async (): Promise<never> => undefined as never;
  const record = tokenRecord({ records, audit: { append }, strangers: { record: append } });
  return { records, cipher, next: await openTestServer({ records, cipher, record }) };
}

/** Kills a process in the middle of an act at every step, before and after it; how many steps there were. */
async function atEveryStep<Given>(
  prepare: (life: Life) => Promise<Given>,
  act: (town: TestServer, given: Given) => Promise<Answer>,
  then: (life: Life, given: Given, done: readonly string[]) => Promise<void>,
): Promise<number> {
  for (let step = 1; step < 50; step += 1) {
    for (const when of ['before', 'after'] as const) {
      const life = await newLife();
      const given = await prepare(life);
      const { town, death } = await mortal(life.records, life, { step, when });
      const result = await Promise.race([act(town, given), death.killed]);
      if (result !== 'killed') return step - 1;
      await then(life, given, death.done);
    }
  }
  throw new Error('the act has no end');
}

describe('O2 an authority that is killed in the middle of giving a token', () => {
  test('RFC 6749 §4.1.2: has given for a code one token at the most, and the code is good until it was used', async () => {
    const count = await atEveryStep(
      async ({ next }) => (await codeFor(next)).searchParams.get('code'),
      (town, code) => redeem(town, code),
      async ({ next }, code, done) => {
        const again = await redeem(next, code);
        const used = done.includes('consume');
        assert.equal(again.status, used ? 400 : 200, `${done.join(', ')}: ${again.text}`);
        assert.equal((await redeem(next, code)).json['error'], 'invalid_grant');
      },
    );
    assert.ok(count >= 4, `${count} steps: the code, the refresh token, the note and the log`);
  });

  test('RFC 9700 §4.14.2: loses no refresh token of its agent, and gives nobody else anything', async () => {
    const count = await atEveryStep(
      async ({ next }) => (await granted(next))['refresh_token'],
      (town, token) => refresh(town, token),
      async ({ next }, token, done) => {
        const stolen = await refresh(next, token, 'thief');
        assert.match(String(stolen.json['error']), /^invalid_(client|grant)$/, done.join(', '));
        assert.equal(stolen.json['access_token'], undefined);
        const again = await refresh(next, token);
        assert.equal(again.status, 200, `${done.join(', ')}: ${again.text}`);
        assert.equal((await refresh(next, again.json['refresh_token'])).status, 200, done.join(', '));
        assert.equal((await refresh(next, token)).json['error'], 'invalid_grant', 'it has been replaced');
      },
    );
    assert.ok(count >= 4, String(count));
  });

  test('has no token out that is on no record: its answer leaves after the note and the log', async () => {
    await atEveryStep(
      async ({ next }) => (await codeFor(next)).searchParams.get('code'),
      (town, code) => redeem(town, code),
      async ({ records }, _code, done) => {
        const noted = await records.issued(Date.now());
        // Killed, it gave no answer: what is on record without having been given is over in five minutes.
        assert.equal(noted.length, done.filter((name) => name === 'noteIssued').length);
      },
    );
    const life = await newLife();
    const code = (await codeFor(life.next)).searchParams.get('code');
    assert.equal((await redeem(life.next, code)).status, 200);
    assert.equal((await life.records.issued(Date.now())).length, 1);
  });
});
