import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import type { Response } from 'undici';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { openPasskeyBrowser, type PasskeyBrowser } from './people-town.ts';
import { type Answered, call } from './token-town.ts';

const verifier = 'v'.repeat(43);
const client = 'spiffe://example.internal/agent/helper';
const redirect = 'http://127.0.0.1:49152/callback';

describe('O2 what a person is asked before an agent acts for them', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let as: Presentable;

  const act = (name: string, input: Json): Promise<Json> =>
    findOperation(name).run(town.deployment.authority, input, { name: 'root', way: 'local' });
  const enrolled = async (person: string): Promise<PasskeyBrowser> => {
    await act('person.add', { person });
    const browser = opened.use(openPasskeyBrowser(town));
    const { link } = (await act('person.invite', { person })) as { link: string };
    assert.equal((await browser.enrol(link)).status, 200);
    return browser;
  };
  const request = (more: Record<string, string> = {}): Record<string, string> => ({
    client_id: client,
    response_type: 'code',
    redirect_uri: redirect,
    scope: 'mcp',
    resource: town.endpoint('files'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  });
  /** Where a request waits for its person. */
  const begin = async (browser: PasskeyBrowser, parameters = request()): Promise<string> => {
    const response = await browser.ask(`/authorize?${new URLSearchParams(parameters).toString()}`);
    assert.equal(response.status, 303, await response.text());
    return new URL(response.headers.get('location') ?? '', browser.origin).pathname;
  };
  /** The same for a client that shows its certificate first (RFC 9126). */
  const beginPushed = async (browser: PasskeyBrowser, more: Record<string, string> = {}): Promise<string> => {
    const { json, text } = await call(`${town.authorityUrl}/par`, request(more), { as, ca: as.ca });
    assert.equal(typeof json['request_uri'], 'string', text);
    return await begin(browser, { client_id: client, request_uri: json['request_uri'] as string });
  };
  const send = (
    browser: PasskeyBrowser,
    place: string,
    form: Record<string, string>,
    origin = browser.origin,
  ) =>
    browser.ask(place, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    });
  const keyOf = (page: string): string => /name="key" value="([\w-]{43})"/.exec(page)?.[1] ?? '';
  const allow = async (browser: PasskeyBrowser, place: string): Promise<Response> => {
    const key = keyOf(await (await browser.ask(place)).text());
    assert.notEqual(key, '', 'the person is asked');
    return await send(browser, place, { decision: 'allow', key });
  };
  /** Where the browser is sent back to in the end. */
  const followed = async (browser: PasskeyBrowser, answer: Response): Promise<URL> => {
    const resumed = await browser.ask(new URL(answer.headers.get('location') ?? '', browser.origin).pathname);
    return new URL(resumed.headers.get('location') ?? '');
  };
  const redeem = (code: string): Promise<Answered> => {
    const { redirect_uri, client_id, resource } = request();
    const form = { redirect_uri, client_id, resource, code, code_verifier: verifier } as Record<
      string,
      string
    >;
    return call(
      `${town.authorityUrl}/token`,
      { grant_type: 'authorization_code', ...form },
      { as, ca: as.ca },
    );
  };

  before(async () => {
    town = opened.use(await openTown());
    await town.addAgent('helper');
    await town.addHttpServer('files', 'http://127.0.0.1:9/mcp');
    as = await town.issue('helper');
  });
  after(() => opened.disposeAsync());

  test('the page is for this person alone, in no frame, with no script in it, and its form leads to the client and nowhere else', async () => {
    const own = await enrolled('page');
    const page = await own.ask(await begin(own));
    const policy = page.headers.get('content-security-policy') ?? '';
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      assert.ok(policy.split('; ').includes(rule), rule);
    }
    assert.ok(policy.split('; ').includes("form-action 'self' http://127.0.0.1:49152"), policy);
    assert.equal(page.headers.get('x-frame-options'), 'DENY');
    assert.match(page.headers.get('strict-transport-security') ?? '', /max-age=31536000/);
    assert.equal(page.headers.get('cache-control'), 'no-store');
    const text = await page.text();
    assert.doesNotMatch(text, /<script(?! src="\/people\.js" defer>)| on\w+=|javascript:/i);
    assert.match(text, /<html lang="en">[\s\S]*<main>[\s\S]*<h1>Let helper act for you\?/);
  });

  test('RFC 9700 §4.16: a request that one browser began is none in another, whoever is signed in there (consent phishing)', async () => {
    const [attacker, victim] = [await enrolled('attacker'), await enrolled('victim')];
    const place = await begin(attacker);
    const key = keyOf(await (await attacker.ask(place)).text());
    const seen = await victim.ask(place);
    assert.equal(seen.status, 404);
    assert.match(await seen.text(), /begun in another browser/);
    assert.equal((await send(victim, place, { decision: 'allow', key })).status, 404);
    // Nor does the page of the attacker carry over to a victim whose browser the attacker gave the cookie of the request.
    const [name, value] = [...attacker.cookies].find(([each]) => each === 'countersign-interaction') ?? [];
    victim.cookies.set(name ?? '', value ?? '');
    assert.equal(
      (await send(victim, place, { decision: 'allow', key })).status,
      404,
      'cookies are signed together',
    );
  });

  test('only the page itself can say yes, only for what it showed, and only while its person is signed in', async () => {
    const own = await enrolled('careful');
    const place = await begin(own);
    const key = keyOf(await (await own.ask(place)).text());
    assert.equal((await send(own, place, { decision: 'allow', key }, 'https://evil.example')).status, 403);
    assert.equal((await send(own, place, { decision: 'allow' })).status, 409);
    assert.equal((await send(own, place, { decision: 'allow', key: 'A'.repeat(43) })).status, 409);
    await act('person.disable', { person: 'careful' });
    assert.equal((await send(own, place, { decision: 'allow', key })).status, 403);
    await act('person.enable', { person: 'careful' });
    assert.equal((await send(own, place, { decision: 'allow', key })).status, 403, 'the session is over');
    assert.equal((await own.signIn()).status, 200);
    const back = await followed(own, await send(own, place, { decision: 'allow', key }));
    const token = await redeem(back.searchParams.get('code') ?? '');
    assert.equal(token.status, 200, token.text);
    assert.equal((await send(own, place, { decision: 'allow', key })).status, 404, 'it is answered');
  });

  test('a yes is remembered for the very same request of a client that proved who it is, and for nothing else', async () => {
    const own = await enrolled('memory');
    const first = await followed(own, await allow(own, await beginPushed(own)));
    assert.notEqual(first.searchParams.get('code'), null);
    const again = await own.ask(await beginPushed(own));
    assert.equal(again.status, 303, 'no page');
    const asked: readonly (readonly [string, () => Promise<string>])[] = [
      ['without the proof, by loopback (RFC 8252 §8.6)', () => begin(own)],
      [
        'another server',
        () => beginPushed(own, { resource: town.endpoint('files').replace(/\/files$/, '') }),
      ],
      ['more scopes', () => beginPushed(own, { scope: 'mcp openid' })],
      ['prompt=consent', () => beginPushed(own, { prompt: 'consent' })],
      ['another address of itself', () => beginPushed(own, { redirect_uri: 'http://[::1]:49152/callback' })],
    ];
    for (const [what, at] of asked) {
      assert.match(await (await own.ask(await at())).text(), /act for you\?/, what);
    }
    assert.equal((await own.ask(await beginPushed(own))).status, 303);
    await act('person.revoke', { owner: 'memory', reason: 'stolen laptop' });
    assert.equal((await own.signIn()).status, 200);
    assert.match(await (await own.ask(await beginPushed(own))).text(), /act for you\?/, 'revoked since');
  });

  test('a person sees what they allowed, and takes it back: they are asked anew', async () => {
    const own = await enrolled('regret');
    await followed(own, await allow(own, await beginPushed(own)));
    const page = await (await own.ask('/me')).text();
    assert.match(page, /<form method="post" action="\/consents\/withdraw"[\s\S]*helper/);
    const taken = await send(own, '/consents/withdraw', { client });
    assert.deepEqual([taken.status, taken.headers.get('location')], [303, '/me']);
    assert.match(await (await own.ask(await beginPushed(own))).text(), /act for you\?/);
    assert.equal((await send(own, '/consents/withdraw', { client }, 'https://evil.example')).status, 403);
  });

  test('O8 a person who is disabled has given nothing any more: no token comes of it, and gateways are told', async () => {
    const own = await enrolled('ended');
    const back = await followed(own, await allow(own, await begin(own)));
    const { json } = await redeem(back.searchParams.get('code') ?? '');
    await act('person.disable', { person: 'ended' });
    const form = {
      grant_type: 'refresh_token',
      client_id: client,
      refresh_token: json['refresh_token'] as string,
    };
    const refreshed = await call(`${town.authorityUrl}/token`, form, { as, ca: as.ca });
    assert.equal(refreshed.json['error'], 'invalid_grant');
    const ends = await town.deployment.authority.store.oauth.ends(Date.now());
    assert.ok(ends.some(({ kind, key }) => kind === 'person' && key === 'ended'));
    await act('person.enable', { person: 'ended' });
    const again = await call(`${town.authorityUrl}/token`, form, { as, ca: as.ca });
    assert.equal(again.json['error'], 'invalid_grant');
  });

  test('RFC 9470 §4: prompt=login and max_age want the passkey again, once, whether or not the client speaks OpenID Connect', async () => {
    const own = await enrolled('fresh');
    // Clients and engine count in whole seconds: one that was signed in within this second is as fresh as they can tell.
    const second = Math.floor(Date.now() / 1_000);
    await until(() => Math.floor(Date.now() / 1_000) > second);
    const pushed = await beginPushed(own, { max_age: '0' });
    assert.match(await (await own.ask(pushed)).text(), /Sign in with a passkey/, 'pushed');
    const places: string[] = [];
    const wanted = [
      { prompt: 'login' },
      { max_age: '0', scope: 'openid mcp' },
      { max_age: '0', acr_values: 'phr' },
    ];
    for (const more of wanted) {
      const place = await begin(own, request(more));
      assert.match(await (await own.ask(place)).text(), /Sign in with a passkey/, JSON.stringify(more));
      places.push(place);
    }
    assert.equal((await own.signIn()).status, 200);
    const back = await followed(own, await allow(own, places.at(-1) ?? ''));
    const token = await redeem(back.searchParams.get('code') ?? '');
    assert.equal(token.status, 200, token.text);
    const { auth_time: at = 0, acr } = decodeJwt(String(token.json['access_token'])) as {
      auth_time?: number;
      acr?: string;
    };
    assert.ok(at > second && acr === 'phr' && token.json['id_token'] === undefined);
  });

  test('O3 groups of people who were added here say which scopes they may give, at the page and at every refresh', async () => {
    const own = await enrolled('grouped');
    const inGroups = async (...groups: readonly string[]): Promise<void> => {
      await act('person.groups', { person: 'grouped', groups: [...groups] });
    };
    await writeFile(
      town.data.people,
      'local:\n  rules:\n    - { groups: [staff], scopes: [mcp] }\n    - { groups: [oncall], scopes: ["mcp:write"] }\n',
    );
    const refused = await own.ask(await begin(own));
    const onward = await own.ask(new URL(refused.headers.get('location') ?? '', own.origin).pathname);
    assert.match(onward.headers.get('location') ?? '', /error=access_denied/, 'no group gives anything');
    await inGroups('staff', 'visitors');
    const back = await followed(own, await allow(own, await begin(own)));
    const first = await redeem(back.searchParams.get('code') ?? '');
    assert.equal(first.json['scope'], 'mcp', first.text);
    const refresh = (token: unknown): Promise<Answered> => {
      const form = { grant_type: 'refresh_token', client_id: client, refresh_token: String(token) };
      return call(`${town.authorityUrl}/token`, form, { as, ca: as.ca });
    };
    const second = await refresh(first.json['refresh_token']);
    assert.equal(second.json['scope'], 'mcp');
    await inGroups('visitors');
    const third = await refresh(second.json['refresh_token']);
    assert.deepEqual([third.status, third.json['error']], [400, 'invalid_grant']);
    await writeFile(town.data.people, 'local: { rules: [{ groups: staff }] }\n');
    const broken = await refresh(second.json['refresh_token']);
    assert.ok(broken.status >= 400 && broken.json['access_token'] === undefined, 'a file that is wrong');
    await rm(town.data.people);
  });

  test('RFC 8628 §5.4: a device gets what its person allowed, on a page that warns of codes of others', async () => {
    const own = await enrolled('device');
    const form = { client_id: client, scope: 'mcp', resource: town.endpoint('files') };
    const { json } = await call(`${town.authorityUrl}/device_authorization`, form, { as, ca: as.ca });
    const complete = new URL(json['verification_uri_complete'] as string);
    assert.equal(complete.origin, own.origin);
    const typed = await (await own.ask(complete.pathname + complete.search)).text();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(typed)?.[1] ?? '';
    const code = json['user_code'] as string;
    const compared = await send(own, '/device', { xsrf, user_code: code });
    assert.match(await compared.text(), new RegExp(code));
    const confirmed = await send(own, '/device', { xsrf, user_code: code, confirm: 'yes' });
    const place = new URL(confirmed.headers.get('location') ?? '', own.origin).pathname;
    const page = await (await own.ask(place)).text();
    assert.match(page, /Only if the code was on a screen of your own/);
    const answer = await send(own, place, { decision: 'allow', key: keyOf(page) });
    const done = await own.ask(new URL(answer.headers.get('location') ?? '', own.origin).pathname);
    assert.match(await done.text(), /You can close this page/);
    const poll = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: client };
    const token = await call(
      `${town.authorityUrl}/token`,
      { ...poll, device_code: json['device_code'] as string, resource: form.resource },
      { as, ca: as.ca },
    );
    assert.equal(token.status, 200, token.text);
  });

  test('S4 what was allowed, refused and taken back is in the log, without a code', async () => {
    const own = await enrolled('log');
    const place = await begin(own);
    await own.ask(place);
    const back = await followed(own, await send(own, place, { decision: 'deny' }));
    assert.equal(back.searchParams.get('error'), 'access_denied');
    const given = await followed(own, await allow(own, await begin(own)));
    await town.deployment.authority.audit.checkpoint();
    const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
    for (const type of ['consent.given', 'consent.refused', 'consent.withdrawn'])
      assert.ok(log.includes(`"${type}"`));
    assert.ok(!log.includes(given.searchParams.get('code') ?? 'none'));
  });
});
