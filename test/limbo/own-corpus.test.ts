import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { readCorpus } from './limbo.ts';
import { makeCorpus, trustDomain } from './own-corpus.ts';
import { verdictOf } from './verdict.ts';

const skip = missing('openssl');

test('I2 of a hundred chains that are wrong in one way each none is accepted by handshake and profile, and good ones are', {
  skip,
}, async (context) => {
  const surprises: { readonly id: string; readonly why: string }[] = [];
  const refused = new Map<string, number>();
  const cases = readCorpus(await makeCorpus());
  for (const limbo of cases) {
    const verdict = await verdictOf(limbo, trustDomain);
    const why = verdict.accepted ? 'accepted' : verdict.why.replace(/^https:\S+ /, '');
    refused.set(why, (refused.get(why) ?? 0) + 1);
    if (verdict.accepted === (limbo.expected_result === 'SUCCESS')) continue;
    surprises.push({ id: limbo.id, why: `${limbo.description}: ${why}` });
  }
  for (const [why, count] of refused) context.diagnostic(`${count} × ${why}`);
  assert.deepEqual(surprises, []);
  assert.ok(cases.filter(({ expected_result }) => expected_result === 'FAILURE').length >= 90);
});
