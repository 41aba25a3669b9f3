import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseLookAlike, withOffer } from './server-offer.ts';

test('T5 a server that looks like a registered one is refused; the same one may be replaced', () => {
  const known = [{ name: 'files' }, { name: 'my-db' }];
  assert.throws(() => refuseLookAlike('fi1es', known), { code: 'name_refused' });
  assert.throws(() => refuseLookAlike('my_db', known), { code: 'name_refused' });
  assert.doesNotThrow(() => refuseLookAlike('files', known));
  assert.doesNotThrow(() => refuseLookAlike('mail', known));
});

test('T5 a server says whether it is offered with all servers, and why not', () => {
  const all = [{ name: 'files' }, { name: 'fi1es' }, { name: 'mail' }, { name: 'a__b' }];
  assert.deepEqual(withOffer({ name: 'mail' }, all).together, { offered: true, reason: null });
  assert.match(withOffer({ name: 'files' }, all).together.reason ?? '', /looks like that of fi1es/);
  assert.equal(withOffer({ name: 'a__b' }, all).together.offered, false);
});
