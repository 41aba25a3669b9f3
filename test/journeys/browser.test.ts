import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOperation } from '../../src/app/admin/operations.ts';
import { missing } from '../interop/missing.ts';
import { openChromium } from './chromium.ts';
import { openTown } from './deployment.ts';

const skip = missing('chromium');

test('O2 a person in a real browser enrols a passkey with a link, signs out, and signs in with it', {
  skip,
}, async () => {
  await using town = await openTown();
  const { authority, listeners } = town.deployment;
  const act = (name: string, input: object): Promise<unknown> =>
    findOperation(name).run(authority, input, { name: 'root', way: 'local' });
  await act('person.add', { person: 'alice@example.com', displayName: 'Alice <b>' });
  const { link } = (await act('person.invite', { person: 'alice@example.com' })) as { link: string };
  await using page = await openChromium(authority.issuer.certificate.spki);
  const textWith = (words: string): Promise<string> =>
    page.find(`document.body?.innerText.includes(${JSON.stringify(words)}) ? document.body.innerText : null`);

  assert.equal(new URL(link).port, String(listeners['people']?.port));
  await page.open(link);
  await textWith('It will be of: alice@example.com');
  await page.click('button.main');
  await textWith('You are signed in as alice@example.com');
  assert.match(await textWith('Alice <b>'), /on one device only/);
  await page.click('form[action="/sign-out"] button');
  await textWith('You are signed out');
  await page.click('a[href="/sign-in"]');
  await page.click('button.main');
  await textWith('You are signed in as alice@example.com');
  // The link is used up, and the page says so without a passkey being made.
  await page.open(`${new URL(link).origin}/signed-out`);
  await page.open(link);
  await textWith('This link was used');
  assert.deepEqual(
    page.complaints.filter((line) => !line.includes('403')),
    [],
  );
});
