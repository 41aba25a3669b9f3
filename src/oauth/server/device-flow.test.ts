import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import {
  type Answer,
  Browser,
  files,
  issuer,
  openTestServer,
  peopleUrl,
  spiffe,
  type TestServer,
} from './server.fixture.ts';

const asked = { client_id: spiffe('reader'), resource: files };

const poll = (town: TestServer, code: unknown, as = 'reader'): Promise<Answer> =>
  town.post(
    '/token',
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: spiffe(as),
      device_code: String(code),
    },
    as,
  );

/** What a form of a page would send. */
function fieldsOf({ text }: Answer): Record<string, string> {
  const fields = [...text.matchAll(/<input[^>]* name="(\w+)"[^>]*? value="([^"]*)"/g)];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]));
}

async function agree(
  town: TestServer,
  code: string,
  browser: Browser,
  press: Record<string, string>,
): Promise<Answer> {
  const first = await town.open(`/device?user_code=${code}`, browser);
  assert.equal(first.status, 200, first.text);
  const typed = fieldsOf(first);
  assert.equal(typed['user_code'], code, 'the link brings the code along');
  const second = await town.open('/device', browser, typed);
  assert.equal(second.status, 200, second.text);
  assert.ok(second.text.includes(`>${code}<`));
  return await town.open('/device', browser, { ...fieldsOf(second), ...press });
}

test('O2 RFC 8628: a device without a browser gets a token once a person has typed its code and agreed, and once only', async () => {
  const town = await openTestServer();
  const { status, json } = await town.post('/device_authorization', asked, 'reader');
  assert.equal(status, 200, JSON.stringify(json));
  assert.equal(json['verification_uri'], `${peopleUrl}/device`);
  assert.equal(
    json['verification_uri_complete'],
    `${peopleUrl}/device?user_code=${String(json['user_code'])}`,
  );
  assert.equal((await poll(town, json['device_code'])).json['error'], 'authorization_pending');
  const browser = new Browser();
  const confirmed = await agree(town, String(json['user_code']), browser, { confirm: 'yes' });
  assert.equal(confirmed.status, 303, confirmed.text);
  const place = String(confirmed.headers['location']);
  const answer = town.exchange({ method: 'POST', url: place, headers: { cookie: browser.at(place) } });
  const { client, redirectUri, scopes } = await town.server.details(answer);
  assert.deepEqual([client.proven, redirectUri, scopes], [true, null, ['mcp']]);
  await town.server.finish(answer, { granted: true, person: 'ada', authenticatedAt: town.clock.now() });
  const done = await town.open(String(answer.answer().headers['location']), browser);
  assert.equal(done.status, 200, done.text);
  assert.ok(done.text.includes('You can close this page'));
  assert.equal((await poll(town, json['device_code'], 'thief')).json['error'], 'invalid_grant');
  const polled = await Promise.all(Array.from({ length: 20 }, () => poll(town, json['device_code'])));
  const won = polled.filter((each) => each.status === 200);
  assert.equal(won.length, 1);
  const claims = decodeJwt(String(won[0]?.json['access_token']));
  assert.equal(claims.sub, 'ada');
  assert.equal(claims.iss, issuer);
  assert.deepEqual(claims['act'], { sub: spiffe('reader') });
});

test('O2 RFC 8628 §5.4: who stops, or does not know the code, gives nothing', async () => {
  const town = await openTestServer();
  const { json } = await town.post('/device_authorization', asked, 'reader');
  const stopped = await agree(town, String(json['user_code']), new Browser(), { abort: 'yes' });
  assert.ok(stopped.text.includes('You did not agree'));
  assert.equal((await poll(town, json['device_code'])).json['error'], 'access_denied');
  const browser = new Browser();
  const typed = fieldsOf(await town.open('/device', browser));
  const wrong = await town.open('/device', browser, { ...typed, user_code: 'BCDF-GHJK' });
  assert.ok(wrong.text.includes('This code is wrong'));
  const forged = await town.open('/device', new Browser(), { ...typed, user_code: 'BCDF-GHJK' });
  assert.equal(forged.status, 400);
  await assert.rejects(
    town.server.answerBrowser(
      town.exchange({
        method: 'POST',
        url: '/device',
        headers: { host: 'people.example:8445', origin: 'https://evil.example' },
      }),
    ),
    { code: 'origin_refused' },
  );
});
