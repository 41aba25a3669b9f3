import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewOauthEntry, OauthRecords } from '../../src/oauth/server/oauth-records.ts';

/** What every store of the authorization server keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function oauthRecordsContract(
  adapter: string,
  withRecords: (use: (records: OauthRecords) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (records: OauthRecords) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withRecords(use));
  };
  const entry = (id: string, more: Partial<NewOauthEntry> = {}): NewOauthEntry => ({
    model: 'RefreshToken',
    id,
    sealed: 's',
    grantId: 'g',
    uid: null,
    userCode: null,
    person: 'ada',
    client: 'c',
    agent: 'spiffe://d/agent/a',
    replaces: null,
    createdAt: 1_000,
    expiresAt: 900_000,
    ...more,
  });
  const model = 'RefreshToken';

  specify('O2 RFC 6749 §4.1.2: of 20 that redeem a code at once exactly one does', async (records) => {
    await records.put(entry('code', { model: 'AuthorizationCode' }));
    const won = await Promise.all(
      Array.from({ length: 20 }, () => records.consume('AuthorizationCode', 'code', 2_000)),
    );
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal((await records.find('AuthorizationCode', 'code'))?.consumedAt, 2_000);
    await records.put(entry('code', { model: 'AuthorizationCode', sealed: 'other' }));
    assert.equal((await records.find('AuthorizationCode', 'code'))?.consumedAt, 2_000, 'it stays used');
    assert.equal(await records.consume('AuthorizationCode', 'none', 2_000), false);
  });

  specify('O2 those of a model that are not over are counted', async (records) => {
    await records.put(entry('one', { model: 'Client', expiresAt: 5_000 }));
    await records.put(entry('two', { model: 'Client', expiresAt: null }));
    await records.put(entry('three'));
    assert.deepEqual([await records.count('Client', 4_999), await records.count('Client', 5_000)], [2, 1]);
  });

  specify('O2 a proof that was noted is not noted a second time (RFC 9449 §11.1)', async (records) => {
    const added = await Promise.all(Array.from({ length: 20 }, () => records.putOnce(entry('proof'))));
    assert.equal(added.filter(Boolean).length, 1);
  });

  specify(
    'O2 a refresh token is good once more, once, and only while its successor was not used',
    async (records) => {
      await records.put(entry('first'));
      assert.equal(await records.retry(model, 'first', 2_000, 0), false, 'it was not used yet');
      assert.equal(await records.consume(model, 'first', 2_000), true);
      await records.put(entry('second', { replaces: 'first' }));
      assert.equal(await records.retry(model, 'first', 40_000, 10_000), false, 'too late');
      const again = await Promise.all(
        Array.from({ length: 20 }, () => records.retry(model, 'first', 3_000, 0)),
      );
      assert.equal(again.filter(Boolean).length, 1);
      assert.equal(await records.find(model, 'second'), null, 'what came of it the first time is gone');
      await records.put(entry('third'));
      assert.equal(await records.consume(model, 'third', 4_000), true);
      await records.put(entry('fourth', { replaces: 'third' }));
      assert.equal(await records.consume(model, 'fourth', 5_000), true);
      assert.equal(await records.retry(model, 'third', 6_000, 0), false);
    },
  );

  specify('O8 a grant that ends takes with it what new tokens could come of', async (records) => {
    await records.put(entry('one'));
    await records.put(entry('two', { grantId: 'other', agent: null, person: 'bob' }));
    await records.put(entry('other', { model: 'Grant', grantId: 'other', agent: null, person: 'bob' }));
    await records.end({ kind: 'grant', key: 'g', before: 5_000, until: 300_000 });
    assert.equal(await records.find(model, 'one'), null);
    assert.notEqual(await records.find(model, 'two'), null);
    await records.end({ kind: 'person', key: 'bob', before: 6_000, until: 300_000 });
    assert.equal(await records.find('Grant', 'other'), null);
    await records.put(entry('three', { grantId: 'third' }));
    await records.put(entry('third', { model: 'Grant', grantId: 'third', agent: null }));
    await records.end({ kind: 'agent', key: 'spiffe://d/agent/a', before: 7_000, until: 300_000 });
    assert.equal(await records.find('Grant', 'third'), null, 'the grant of what the agent held');
    assert.deepEqual(
      (await records.ends(10_000)).map(({ kind, before }) => [kind, before]),
      [
        ['agent', 7_000],
        ['grant', 5_000],
        ['person', 6_000],
      ],
    );
    await records.end({ kind: 'grant', key: 'g', before: 4_000, until: 1 });
    assert.equal((await records.ends(300_000)).length, 3, 'an end is never taken back');
    assert.deepEqual(await records.ends(300_001), []);
  });

  specify('O2 what is over is dropped, and what is issued can be listed while it lives', async (records) => {
    await records.put(entry('old', { expiresAt: 2_000 }));
    await records.put(entry('new', { createdAt: 100_000 }));
    assert.equal(await records.find(model, 'old'), null);
    const token = {
      id: 't',
      grantId: 'g',
      client: 'c',
      agent: null,
      person: null,
      resource: 'r',
      scopes: ['mcp'],
      binding: 'mtls',
      grantType: 'client_credentials',
      issuedAt: 1_000,
      expiresAt: 301_000,
    } as const;
    await records.noteIssued(token);
    assert.deepEqual(await records.issued(2_000), [token]);
    assert.deepEqual(await records.issued(301_000), []);
  });

  specify('O2 one key signs, and of those who replace it at once one does', async (records) => {
    const key = (kid: string, createdAt: number) => ({
      kid,
      publicJwk: '{}',
      sealed: 's',
      createdAt,
      retiredAt: null,
    });
    assert.equal(await records.addKey(key('a', 1), null), true);
    assert.equal(await records.addKey(key('b', 2), null), false);
    const added = await Promise.all(['b', 'c', 'd'].map((kid) => records.addKey(key(kid, 2), 'a')));
    assert.equal(added.filter(Boolean).length, 1);
    assert.deepEqual(
      (await records.keys()).map(({ kid, retiredAt }) => [kid, retiredAt]),
      [
        ['b', null],
        ['a', 2],
      ],
    );
    await records.dropKeys(3);
    assert.deepEqual(
      (await records.keys()).map(({ kid }) => kid),
      ['b'],
    );
  });
}
