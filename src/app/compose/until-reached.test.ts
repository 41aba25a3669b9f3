import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { untilReached } from './until-reached.ts';

test('U8 an authority that is not there yet is waited for, also where that is why a certificate was not renewed', async () => {
  const away = new Fault('unavailable', 'nothing listens there');
  const trouble = [away, new Fault('certificate_expired', 'It has ended.', { cause: away })];
  const said: string[] = [];
  const given = await untilReached(
    async () => {
      const next = trouble.shift();
      if (next) throw next;
      return 'there';
    },
    (line) => said.push(line),
  );
  assert.equal(given, 'there');
  assert.equal(said.length, 2);
});

test('U8 a refusal is not waited away', async () => {
  let tries = 0;
  const refused = untilReached(
    async () => {
      tries += 1;
      throw new Fault('denied', 'no');
    },
    () => undefined,
  );
  await assert.rejects(refused, (error) => error instanceof Fault && error.code === 'denied');
  assert.equal(tries, 1);
});
