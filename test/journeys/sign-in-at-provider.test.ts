import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import type { Response } from 'undici';
import { findOperation } from '../../src/app/admin/operations.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';
import { type OidcTown, openOidc, pagesSecret } from './oidc-town.ts';
import { openPasskeyBrowser, type PasskeyBrowser } from './people-town.ts';
import { openBrowser, type PersonBrowser } from './person-browser.ts';
import { type Answered, call } from './token-town.ts';

const verifier = 'v'.repeat(43);
const client = 'spiffe://example.internal/agent/helper';
const redirect = 'http://127.0.0.1:49152/callback';

describe('O3 people who sign in at the provider of their organisation', () => {
  const opened = new AsyncDisposableStack();
  let folder = '';
  let town: Town;
  let oidc: OidcTown;
  let as: Presentable;

  const people = (more = ''): string => `providers:
  - name: company
    issuer: ${oidc.issuer}
    client: countersign
    scopes: [email, groups]
    ca: ${oidc.rootsFile}
    privateAddresses: true
    members: [staff]
    pages:
      client: countersign-pages
      secret: file:${join(folder, 'secret')}
${more}`;
  const account = (sub: string, groups = ['staff']): void =>
    void oidc.accounts.set(sub, { sub, email: `${sub}@example.com`, email_verified: true, groups });
  /** Somebody with a browser: one for our pages, and the same for the provider's. */
  const somebody = (): { own: PasskeyBrowser; there: PersonBrowser } => ({
    own: opened.use(openPasskeyBrowser(town)),
    there: opened.use(openBrowser(oidc.roots)),
  });
  const onward = async (own: PasskeyBrowser, place: string): Promise<string> => {
    const page = await (await own.ask(place)).text();
    const [, link = ''] = /href="(\/upstream\/begin[^"]+)"/.exec(page) ?? [];
    assert.notEqual(link, '', page);
    return link.replaceAll('&#38;', '&').replaceAll('&#61;', '=');
  };
  /** Goes through the pages of the provider; where it sends the browser back to. */
  const through = async (there: PersonBrowser, begun: Response, login: string): Promise<URL> => {
    assert.equal(begun.status, 303, await begun.text());
    const { url } = await there.visit(begun.headers.get('location') ?? '', { login, password: 'any' });
    return new URL(url);
  };
  const signIn = async (
    who: ReturnType<typeof somebody>,
    login: string,
    place = '/sign-in',
  ): Promise<Response> => {
    const begun = await who.own.ask(await onward(who.own, place));
    const back = await through(who.there, begun, login);
    return await who.own.ask(back.pathname + back.search);
  };
  const request = (more: Record<string, string> = {}): string =>
    `/authorize?${new URLSearchParams({
      client_id: client,
      response_type: 'code',
      redirect_uri: redirect,
      scope: 'mcp',
      resource: town.endpoint('files'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...more,
    }).toString()}`;
  const begin = async (own: PasskeyBrowser, more: Record<string, string> = {}): Promise<string> =>
    new URL((await own.ask(request(more))).headers.get('location') ?? '', own.origin).pathname;
  const allow = async (own: PasskeyBrowser, place: string): Promise<URL> => {
    const page = await (await own.ask(place)).text();
    const [, key = ''] = /name="key" value="([\w-]{43})"/.exec(page) ?? [];
    assert.notEqual(key, '', page);
    const answer = await own.ask(place, {
      method: 'POST',
      headers: { origin: own.origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ decision: 'allow', key }).toString(),
    });
    const resumed = await own.ask(new URL(answer.headers.get('location') ?? '', own.origin).pathname);
    return new URL(resumed.headers.get('location') ?? '');
  };
  const token = (form: Record<string, string>): Promise<Answered> =>
    call(
      `${town.authorityUrl}/token`,
      { client_id: client, resource: town.endpoint('files'), ...form },
      { as, ca: as.ca },
    );
  const redeem = (back: URL): Promise<Answered> =>
    token({
      grant_type: 'authorization_code',
      code: back.searchParams.get('code') ?? '',
      redirect_uri: redirect,
      code_verifier: verifier,
    });
  const isIn = async ({ own }: { own: PasskeyBrowser }): Promise<boolean> =>
    (await own.ask('/me')).status === 200;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-sign-in-'));
    town = opened.use(await openTown());
    oidc = opened.use(await openOidc(town, folder));
    await writeFile(join(folder, 'secret'), pagesSecret, { mode: 0o600 });
    await town.addAgent('helper');
    await town.addHttpServer('files', 'http://127.0.0.1:9/mcp');
    as = await town.issue('helper');
    account('ann');
    await writeFile(town.data.people, people());
  });
  after(async () => {
    await opened.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  });

  test('signs in there, agrees here, and the agent has a bound token; nothing of the request of the client goes there', async () => {
    const who = somebody();
    const place = await begin(who.own);
    const begun = await who.own.ask(await onward(who.own, place));
    const sent = new URL(begun.headers.get('location') ?? '').searchParams;
    for (const name of ['resource', 'authorization_details', 'login_hint'])
      assert.equal(sent.get(name), null, name);
    assert.deepEqual([sent.get('scope'), sent.get('code_challenge_method')], ['openid email groups', 'S256']);
    assert.ok(sent.get('state') && sent.get('nonce') && sent.get('code_challenge'));
    const back = await through(who.there, begun, 'ann');
    const signedIn = await who.own.ask(back.pathname + back.search);
    assert.deepEqual([signedIn.status, signedIn.headers.get('location')], [303, place]);
    const { status, json, text } = await redeem(await allow(who.own, place));
    assert.equal(status, 200, text);
    const { sub, act, auth_time: at } = decodeJwt(json['access_token'] as string);
    assert.deepEqual([sub, act], ['ann@example.com', { sub: client }]);
    assert.equal(typeof at, 'number');
    const again = await who.own.ask(back.pathname + back.search);
    assert.equal(again.status, 403, 'what came back before is nothing');
  });

  test('an answer of the provider counts in the browser that was sent there, once, unchanged (RFC 9700 §4.7, RFC 9207)', async () => {
    const [ann, eve] = [somebody(), somebody()];
    const begun = await ann.own.ask(await onward(ann.own, '/sign-in'));
    const back = await through(ann.there, begun, 'ann');
    // Eve has one of her own under way: another state is another login.
    await eve.own.ask(await onward(eve.own, '/sign-in'));
    assert.equal((await eve.own.ask(back.pathname + back.search)).status, 403, 'login CSRF');
    const changed = (name: string, value: string): string => {
      const url = new URL(back);
      url.searchParams.set(name, value);
      return url.pathname + url.search;
    };
    assert.equal((await ann.own.ask(changed('state', 'guessed'))).status, 403);
    assert.equal((await ann.own.ask(changed('iss', 'https://evil.example'))).status, 403, 'mix-up');
    assert.equal((await ann.own.ask(back.pathname + back.search)).status, 403, 'the wrong answer ended it');
    assert.deepEqual([await isIn(ann), await isIn(eve)], [false, false]);
  });

  test('passkeys are no second way in, and whoever is in none of the groups that count is not let in', async () => {
    const who = somebody();
    await who.own.ask('/sign-in');
    account('out', []);
    assert.equal((await signIn(who, 'out')).status, 403);
    assert.equal(await isIn(who), false);
    const { authority } = town.deployment;
    await findOperation('person.add').run(authority, { person: 'local' }, { name: 'root', way: 'local' });
    const made = await findOperation('person.invite').run(
      authority,
      { person: 'local' },
      { name: 'root', way: 'local' },
    );
    assert.equal((await who.own.enrol((made as { link: string }).link)).status, 403);
  });

  test('I4 groups say which scopes somebody may give, and a group that is left takes back what was given with it', async () => {
    await writeFile(
      town.data.people,
      people('    rules:\n      - { groups: [engineering], scopes: [mcp] }\n'),
    );
    account('joe', ['staff']);
    const who = somebody();
    assert.equal((await signIn(who, 'joe')).status, 303);
    const place = await begin(who.own);
    const none = await who.own.ask(place);
    const resumed = await who.own.ask(new URL(none.headers.get('location') ?? '', who.own.origin).pathname);
    assert.equal(new URL(resumed.headers.get('location') ?? '').searchParams.get('error'), 'access_denied');
    account('joe', ['staff', 'engineering']);
    assert.equal((await signIn(who, 'joe')).status, 303);
    const { json } = await redeem(await allow(who.own, await begin(who.own)));
    const refresh = { grant_type: 'refresh_token', refresh_token: json['refresh_token'] as string };
    account('joe', ['staff']);
    assert.equal((await signIn(who, 'joe')).status, 303);
    assert.equal((await token(refresh)).json['error'], 'invalid_grant');
    await writeFile(town.data.people, people());
  });

  test('a logout at the provider ends sessions, grants and tokens here (OpenID Connect Back-Channel Logout)', async () => {
    const who = somebody();
    assert.equal((await signIn(who, 'ann')).status, 303);
    const { json } = await redeem(await allow(who.own, await begin(who.own)));
    assert.equal(await isIn(who), true);
    const { url, text } = await who.there.visit(`${oidc.issuer}/session/end`, {});
    assert.match(text, /Sign-out Success/i, url);
    assert.equal(await isIn(who), false);
    const refresh = { grant_type: 'refresh_token', refresh_token: json['refresh_token'] as string };
    assert.equal((await token(refresh)).json['error'], 'invalid_grant');
    const ends = await town.deployment.authority.store.oauth.ends(Date.now());
    assert.ok(ends.some(({ kind, key }) => kind === 'person' && key === 'ann@example.com'));
    const forged = await who.own.ask('/upstream/logout', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'logout_token=a.b.c',
    });
    assert.deepEqual(
      [forged.status, ((await forged.json()) as { error: string }).error],
      [400, 'invalid_request'],
    );
    await town.deployment.authority.audit.checkpoint();
    const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
    assert.ok(log.includes('"person.logged-out"') && !log.includes(pagesSecret));
  });
});
