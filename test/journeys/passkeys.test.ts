import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Response } from 'undici';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { inviteFirst } from '../../src/oauth/people/invitations.ts';
import { isFault } from '../contracts/is-fault.ts';
import { openTown, type Town } from './deployment.ts';
import { openPasskeyBrowser, type PasskeyBrowser } from './people-town.ts';
import type { Wrong } from './soft-passkey.ts';

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { code?: unknown }).code;

describe('O2 people of the embedded authorization server', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;

  const act = async (name: string, input: Json): Promise<JsonObject> => {
    const { authority } = town.deployment;
    const result = await findOperation(name).run(authority, input, { name: 'root', way: 'local' });
    return result as JsonObject;
  };
  const invite = async (person: string): Promise<string> =>
    (await act('person.invite', { person }))['link'] as string;
  const browser = (): PasskeyBrowser => opened.use(openPasskeyBrowser(town));
  const enrolled = async (person: string): Promise<PasskeyBrowser> => {
    await act('person.add', { person });
    const own = browser();
    assert.equal((await own.enrol(await invite(person))).status, 200);
    return own;
  };
  const isIn = async (own: PasskeyBrowser): Promise<boolean> => (await own.ask('/me')).status === 200;
  const events = async (): Promise<string> => {
    await town.deployment.authority.audit.checkpoint();
    return await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
  };

  before(async () => {
    town = opened.use(await openTown());
  });
  after(() => opened.disposeAsync());

  test('the first person names themselves with a link that is good once, and never again once it was used', async () => {
    const { door } = town.deployment.authority.people;
    const outdated = await inviteFirst(door);
    const made = await inviteFirst(door);
    const link = `https://localhost/enrol#${made?.secret}`;
    const own = browser();
    assert.equal(
      await codeOf(await own.enrol(`https://localhost/enrol#${outdated?.secret}`, 'ann')),
      'invitation_invalid',
    );
    assert.equal(await codeOf(await own.enrol(link, 'Ann')), 'invalid_input');
    const response = await own.enrol(link, 'ann@example.com');
    assert.deepEqual(await response.json(), { next: '/me' });
    assert.match(await (await own.ask('/me')).text(), /signed in as <strong>ann@example\.com/);
    assert.equal(await codeOf(await browser().enrol(link, 'eve@example.com')), 'invitation_invalid');
    assert.equal(await inviteFirst(door), null);
    await act('person.remove', { person: 'ann@example.com' });
    assert.equal(await inviteFirst(door), null);
    assert.equal(await isIn(own), false);
  });

  test('of a dozen browsers that use one link at once, one enrols', async () => {
    await act('person.add', { person: 'many' });
    const link = await invite('many');
    const secret = new URL(link).hash.slice(1);
    const own = browser();
    await (await own.ask('/enrol')).text();
    const others = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const each = openPasskeyBrowser(town);
        const [cookie] = [...own.cookies];
        if (cookie) each.cookies.set(...cookie);
        const asked = (await (await each.post('/enrol/begin', { secret })).json()) as { challenge: string };
        return { each, answer: each.passkey.create(asked) };
      }),
    );
    const statuses = await Promise.all(
      others.map(async ({ each, answer }) => (await each.post('/enrol/finish', { secret, answer })).status),
    );
    await Promise.all(others.map(({ each }) => each[Symbol.asyncDispose]()));
    assert.deepEqual(
      [...statuses].sort((a, b) => a - b),
      [200, ...Array.from({ length: 11 }, () => 403)],
    );
    const shown = await act('person.show', { person: 'many' });
    assert.equal((shown['passkeys'] as Json[]).length, 1);
  });

  test('signs in with the passkey, is one person for agents and pages, and signs out', async () => {
    const own = await enrolled('alice@example.com');
    const again = await own.signIn();
    assert.match(
      String(again.headers.get('set-cookie')),
      /^__Host-countersign=[\w-]{43}; Max-Age=3600; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    );
    const { authority } = town.deployment;
    await authority.addAgent({
      name: 'alice-laptop',
      owner: 'alice@example.com',
      purpose: 'p',
      roles: [],
      buildDigest: null,
      device: null,
    });
    const shown = await act('person.show', { person: 'alice@example.com' });
    assert.deepEqual(shown['agents'], ['alice-laptop']);
    const cookies = new Map(own.cookies);
    const out = await own.ask('/sign-out', { method: 'POST', headers: { origin: own.origin } });
    assert.deepEqual([out.status, out.headers.get('location')], [303, '/signed-out']);
    for (const [name, value] of cookies) own.cookies.set(name, value);
    assert.equal(await isIn(own), false, 'the session is over at the server as well');
  });

  const wrongs: readonly (readonly [string, Wrong])[] = [
    ['of another origin (WebAuthn §7.2 step 12)', { origin: 'https://evil.example' }],
    ['for another host (§7.2 step 15)', { host: 'evil.example' }],
    ['of another ceremony (§7.2 step 10)', { type: 'webauthn.create' }],
    ['to a question that was not asked (§7.2 step 11)', { challenge: 'A'.repeat(51) }],
    ['from inside of a frame (§7.2 step 13)', { crossOrigin: true }],
    ['without somebody present (§7.2 step 16)', { flags: 4 }],
    ['without the person verified (§7.2 step 17)', { flags: 1 }],
    ['that may be copied all of a sudden (§6.1.3)', { flags: 13 }],
    [
      'signed with another key (§7.2 step 21)',
      { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    ],
    ['whose counter went back (§6.1.1)', { counter: 0 }],
    ['for another person (§7.2 step 6)', { handle: 'AAAA' }],
    ['for nobody (§7.2 step 6)', { handle: null }],
  ];
  test('refuses an answer of an authenticator that is wrong in one way, each in the same words', async () => {
    const own = await enrolled('careful');
    assert.equal((await own.signIn()).status, 200);
    for (const [what, wrong] of wrongs) {
      const asked = (await (await own.post('/sign-in/begin', {})).json()) as { challenge: string };
      const answer = own.passkey.get(asked, wrong);
      const response = await own.post('/sign-in/finish', { answer });
      assert.equal(response.status, 403, what);
      const { detail } = (await response.json()) as { detail: string };
      assert.equal(detail, 'You were not signed in. Try again, or ask an administrator.', what);
    }
    assert.equal((await own.signIn()).status, 200, 'the all-right one passes');
  });

  test('an answer is good once, in the browser that was asked, for what was asked', async () => {
    const own = await enrolled('once');
    const begin = async (from: PasskeyBrowser): Promise<{ challenge: string }> =>
      (await (await from.post('/sign-in/begin', {})).json()) as { challenge: string };
    const answer = own.passkey.get(await begin(own));
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await own.post('/sign-in/finish', { answer })).status),
    );
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    const other = browser();
    await (await other.ask('/sign-in')).text();
    const carried = own.passkey.get(await begin(other));
    assert.equal(await codeOf(await own.post('/sign-in/finish', { answer: carried })), 'login_refused');
    const secret = new URL(await invite('once')).hash.slice(1);
    const asked = (await (await own.post('/enrol/begin', { secret })).json()) as { challenge: string };
    const crossed = await own.post('/sign-in/finish', { answer: own.passkey.get(asked) });
    assert.equal(await codeOf(crossed), 'login_refused');
  });

  test('nobody else than our own pages can make a browser act (CSRF)', async () => {
    const own = await enrolled('target');
    const body = JSON.stringify({});
    const json = { 'content-type': 'application/json' };
    const tries: readonly Record<string, string>[] = [
      json,
      { ...json, origin: 'null' },
      { ...json, origin: 'https://evil.example' },
      { ...json, origin: own.origin, 'sec-fetch-site': 'cross-site' },
      { ...json, origin: own.origin, 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of tries) {
      const response = await own.ask('/sign-in/begin', { method: 'POST', headers, body });
      assert.deepEqual(
        [response.status, await codeOf(response)],
        [403, 'origin_refused'],
        JSON.stringify(headers),
      );
    }
    for (const path of ['/sign-out', '/enrol/begin', '/sign-in/finish']) {
      assert.equal((await own.ask(path)).status, 405, path);
    }
    assert.equal((await own.ask('/sign-out', { method: 'POST' })).status, 403);
    assert.equal(await isIn(own), true);
    const form = await own.ask('/sign-in/finish', {
      method: 'POST',
      headers: { origin: own.origin, 'content-type': 'text/plain' },
      body,
    });
    assert.equal(await codeOf(form), 'media_type');
  });

  test('a person who is disabled is out at once with session, passkey and link, and in again when enabled', async () => {
    const own = await enrolled('dis');
    const link = await invite('dis');
    assert.equal((await act('person.disable', { person: 'dis' }))['state'], 'disabled');
    assert.equal(await isIn(own), false);
    assert.equal(await codeOf(await own.signIn()), 'login_refused');
    assert.equal(await codeOf(await browser().enrol(link)), 'invitation_invalid');
    await assert.rejects(invite('dis'), isFault('conflict'));
    await act('person.enable', { person: 'dis' });
    assert.equal(await isIn(own), false, 'what was proved before counts for nothing');
    assert.equal(await codeOf(await browser().enrol(link)), 'invitation_invalid');
    assert.equal((await own.signIn()).status, 200);
    assert.equal(await isIn(own), true);
  });

  test('a passkey that is removed is no way in, its sessions are over, and another can be enrolled', async () => {
    const own = await enrolled('lost');
    const more = browser();
    assert.equal((await more.enrol(await invite('lost'))).status, 200);
    const order = { person: 'lost', passkey: own.passkey.id.slice(0, 8) };
    await act('person.passkey.remove', order);
    await assert.rejects(act('person.passkey.remove', order), isFault('not_found'));
    assert.deepEqual([await isIn(own), await isIn(more)], [false, false]);
    assert.equal(await codeOf(await own.signIn()), 'login_refused');
    assert.equal((await more.signIn()).status, 200);
  });

  test('I7 revoke person ends the sessions of somebody who owns no agent', async () => {
    const own = await enrolled('gone');
    await act('person.revoke', { owner: 'gone', reason: 'left' });
    assert.equal(await isIn(own), false);
  });

  test('no link, cookie or challenge is in the log, and every act on people is', async () => {
    const own = await enrolled('canary');
    const link = await invite('canary');
    await own.signIn();
    const log = await events();
    const secrets = [new URL(link).hash.slice(1), ...own.cookies.values()];
    for (const secret of secrets) assert.ok(secret.length > 20 && !log.includes(secret));
    for (const type of [
      'added',
      'invited',
      'enrolled',
      'signed-in',
      'changed',
      'removed',
      'sign-in-refused',
    ]) {
      assert.ok(log.includes(`"person.${type}"`), type);
    }
  });
});
