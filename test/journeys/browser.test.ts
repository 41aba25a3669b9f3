import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { findOperation } from '../../src/app/admin/operations.ts';
import { missing } from '../interop/missing.ts';
import { openChromium } from './chromium.ts';
import { openTown, until } from './deployment.ts';
import { call } from './token-town.ts';

const skip = missing('chromium');
const verifier = 'v'.repeat(43);
const client = 'spiffe://example.internal/agent/alice-laptop';
const redirect = 'http://127.0.0.1:9/callback';

test('O2 a person in a real browser: link, passkey, sign-out, request of an agent, sign-in, consent, bound token', {
  skip,
}, async () => {
  await using town = await openTown();
  const { authority, listeners } = town.deployment;
  const people = `https://localhost:${listeners['people']?.port}`;
  const act = (name: string, input: object): Promise<unknown> =>
    findOperation(name).run(authority, input, { name: 'root', way: 'local' });
  const known = (server: string, tool: string): Promise<unknown> =>
    authority.store.tools.change(server, tool, () => ({
      server,
      tool,
      state: 'approved',
      revision: 1,
      first: null,
      seen: null,
      approved: [],
      decided: null,
    }));
  await act('person.add', { person: 'alice@example.com', displayName: 'Alice <b>' });
  await town.addAgent('alice-laptop');
  await town.addServer({
    name: 'files',
    transport: 'http',
    url: 'http://127.0.0.1:9/mcp',
    description: 'the files <i>of</i> the team',
  });
  await writeFile(
    join(town.data.policies, 'tokens.yaml'),
    `servers:
  files:
    scopes: [mcp]
    demands:
      - { tools: [write_file, "move_*"], scopes: ["files:write"] }
      - { tools: [delete_file], scopes: ["files:delete"] }
`,
  );
  await until(() => authority.tokenRules().servers.has('files'));
  for (const tool of ['read_file', 'write_file', 'delete_file']) await known('files', tool);
  const { link } = (await act('person.invite', { person: 'alice@example.com' })) as { link: string };
  const as = await town.issue('alice-laptop');
  await using page = await openChromium(authority.issuer.certificate.spki);
  const textWith = (words: string): Promise<string> =>
    page.find(`document.body?.innerText.includes(${JSON.stringify(words)}) ? document.body.innerText : null`);
  const authorize = (more: Record<string, string> = {}): string =>
    `${people}/authorize?${new URLSearchParams({
      client_id: client,
      response_type: 'code',
      redirect_uri: redirect,
      scope: 'mcp files:write',
      resource: town.endpoint('files'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state: 'one',
      ...more,
    }).toString()}`;

  await page.open(link);
  await textWith('It will be of: alice@example.com');
  await page.click('button.main');
  await textWith('You are signed in as alice@example.com');
  assert.match(await textWith('Alice <b>'), /on one device only/);
  await page.click('form[action="/sign-out"] button');
  await textWith('You are signed out');
  // The link is used up, and the page says so without a passkey being made.
  await page.open(link);
  await textWith('This link was used');

  await page.open(authorize());
  await page.click('form[data-act="sign-in"] button');
  const asked = await textWith('act for you?');
  for (const shown of [
    'Let alice-laptop act for you?',
    'Alice <b> (alice@example.com)',
    'a program on this computer (http://127.0.0.1)',
    'files: the files <i>of</i> the team',
    'call its tools',
    'use write_file, move_* of files (files:write)',
    'read_file write_file',
    client,
    '14 days',
    'Any program on this computer can call itself by this name',
  ]) {
    assert.ok(asked.includes(shown), `${shown} in ${asked}`);
  }
  assert.ok(!asked.includes('delete_file'), 'no scope that is asked for lets the client use it');
  await page.click('button[value="allow"]');
  const back = new URL(await page.landing(redirect));
  assert.deepEqual([back.searchParams.get('state'), back.searchParams.get('error')], ['one', null]);
  const form = {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: redirect,
    client_id: client,
    code_verifier: verifier,
    resource: town.endpoint('files'),
  };
  const { status, json, text } = await call(`${town.authorityUrl}/token`, form, { as, ca: as.ca });
  assert.equal(status, 200, text);
  const { sub, act: actor, cnf, acr } = decodeJwt(json['access_token'] as string);
  assert.deepEqual([sub, actor, acr], ['alice@example.com', { sub: client }, 'phr']);
  assert.deepEqual(Object.keys(cnf as object), ['x5t#S256']);

  // Who is signed in is asked for the passkey again where the client wants that, and never asked for the same yes by loopback alone.
  // The engine counts in whole seconds: a sign-in of this very second is as fresh as it can tell.
  const second = Math.floor(Date.now() / 1_000);
  await until(() => Math.floor(Date.now() / 1_000) > second);
  await page.open(authorize({ prompt: 'login', state: 'two' }));
  await page.click('form[data-act="sign-in"] button');
  await page.click('button[value="deny"]');
  const refused = new URL(await page.landing(`${redirect}?error`));
  assert.equal(refused.searchParams.get('error'), 'access_denied');
  assert.deepEqual(
    page.complaints.filter((line) => !/403|127\.0\.0\.1:9/.test(line)),
    [],
  );
});
