import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { createRedactor } from '../redact.ts';
import { KnownForms } from './known-forms.ts';
import { KnownValues } from './known-values.ts';
import { isWorthHiding } from './secret-forms.ts';

test('S2 a value is looked for until it was forgotten as often as it was learnt', () => {
  const redactor = createRedactor();
  for (const value of ['first-secret-1', 'first-secret-1', 'other-secret-2']) redactor.learn(value);
  redactor.forget('first-secret-1');
  assert.equal(redactor.redact('first-secret-1 other-secret-2'), '[secret] [secret]');
  redactor.forget('first-secret-1');
  redactor.forget('never-learnt-3');
  assert.equal(redactor.redact('first-secret-1 other-secret-2'), 'first-secret-1 [secret]');
});

test('S2 a token is looked for until its life is over, and one with no end for ever', () => {
  const clock = steppedClock(0);
  const redactor = createRedactor(clock);
  redactor.learn('a-passing-token-1', 60_000);
  redactor.learn('a-lasting-secret-2');
  clock.advance(59_000);
  redactor.learn('another-token-3', 60_000);
  assert.equal(redactor.redact('a-passing-token-1'), '[secret]');
  clock.advance(12_000);
  redactor.learn('another-token-4', 60_000);
  assert.equal(redactor.redact('a-passing-token-1 a-lasting-secret-2'), 'a-passing-token-1 [secret]');
});

test('S2 of a signed token the signature is cut out, without which it proves nothing', () => {
  const redactor = createRedactor();
  const signature = 'q3fX9-'.repeat(15);
  redactor.learn(`eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.${signature}`);
  assert.equal(
    redactor.redact('eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJiIn0.other'),
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJiIn0.other',
  );
  assert.equal(
    redactor.redact(`Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.${signature}`),
    'Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.[secret]',
  );
});

test('S2 when no more can be held the next secret is refused, and none that is held is given up for it', () => {
  const clock = steppedClock(0);
  const forms = new KnownForms();
  const values = new KnownValues(forms, clock, 20_000);
  let held = 0;
  assert.throws(
    () => {
      for (; held < 1_000; held++)
        values.learn(`secret number ${held}`, held % 2 === 0 ? 1_000 : Number.POSITIVE_INFINITY);
    },
    { code: 'secret_unresolved' },
  );
  const found = (text: string): boolean => {
    let any = false;
    forms.scan(Buffer.from(text), () => (any = true));
    return any;
  };
  assert.ok(held > 2 && found('secret number 0') && found(`secret number ${held - 1}`));
  clock.advance(2_000);
  // What is over makes room.
  assert.equal(values.learn('a secret that comes later', 1_000), true);
  assert.ok(!found('secret number 0') && found('secret number 1'));
});

test('S2 what is short, or could be found out by trying, is not looked for', () => {
  for (const value of ['', 'short', '1234567', 'aaaaaaaaaaaa', '20261126', '123456789', 'abababababab']) {
    assert.equal(isWorthHiding(value), false, value);
    assert.equal(createRedactor().learn(value), false, value);
  }
  for (const value of ['abcdefgh', 'sk-1-9f3', '83726154098217', 'aB3$xY9!', 'hunter2hunter2']) {
    assert.equal(isWorthHiding(value), true, value);
  }
});

test('S2 a thousand forgotten tokens leave nothing behind, and what is held is still found', () => {
  const forms = new KnownForms();
  const values = new KnownValues(forms, steppedClock(0));
  values.learn('the one that stays', Number.POSITIVE_INFINITY);
  const { size } = forms;
  for (let index = 0; index < 1_000; index++) values.learn(`eyJ-token-${index}-of-many`, 1_000);
  for (let index = 0; index < 1_000; index++) values.forget(`eyJ-token-${index}-of-many`);
  assert.equal(forms.size, size);
  const places: number[][] = [];
  forms.scan(Buffer.from('eyJ-token-7-of-many the one that stays'), (start, end) =>
    places.push([start, end]),
  );
  assert.deepEqual(places, [[20, 38]]);
  assert.equal(forms.undecidedFrom(Buffer.from('now eyJ-tok')), 11);
  assert.equal(forms.undecidedFrom(Buffer.from('now the one t')), 4);
});
