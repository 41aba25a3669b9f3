import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { readToken } from '../workload/read-token.ts';
import { testIssuer, tokenOf } from '../workload/workload.fixture.ts';
import { type LoggedOut, verifyLogoutToken } from './logout-token.ts';

const now = 1_800_000_000_000;
const seconds = now / 1_000;
const issuer = testIssuer();
const expected = { issuer: 'https://id.example.internal', client: 'pages', now };
const event = 'http://schemas.openid.net/event/backchannel-logout';

const claimsOf = (more: JsonObject = {}): JsonObject => ({
  iss: expected.issuer,
  aud: 'pages',
  sub: 'a-1',
  sid: 's-1',
  iat: seconds,
  exp: seconds + 120,
  jti: 'j-1',
  events: { [event]: {} },
  ...more,
});
const verify = (more: JsonObject = {}, header?: JsonObject): Promise<LoggedOut> =>
  verifyLogoutToken(readToken(issuer.token(claimsOf(more), header)), expected, issuer.keys);
const without = undefined as never;

describe('O3 OpenID Connect Back-Channel Logout §2.6: a logout token', () => {
  test('holds for an account, for a session at the provider, or for both', async () => {
    const { subject, session, endsAt } = await verify({}, { alg: 'ES256', kid: 'one', typ: 'logout+jwt' });
    assert.deepEqual([subject, session], ['a-1', 's-1']);
    assert.ok(endsAt > now + 300_000, 'it is remembered for longer than it is fresh');
    assert.deepEqual((await verify({ sub: without })).subject, null);
    assert.deepEqual((await verify({ sid: without, aud: ['other', 'pages'] })).session, null);
  });

  const wrongs: readonly (readonly [string, JsonObject, JsonObject?])[] = [
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'countersign' }],
    ['nobody', { sub: without, sid: without }],
    ['no event', { events: {} }],
    ['no events', { events: without }],
    ['another event', { events: { 'http://schemas.openid.net/event/other': {} } }],
    ['a nonce (an ID token)', { nonce: 'n' }],
    ['no jti', { jti: without }],
    ['no iat', { iat: without }],
    ['an iat of before', { iat: seconds - 400 }],
    ['an iat to come', { iat: seconds + 120 }],
    ['no exp', { exp: without }],
    ['an end that is past', { exp: seconds - 60 }],
    ['another type', {}, { alg: 'ES256', kid: 'one', typ: 'at+jwt' }],
    ['a key that is not there', {}, { alg: 'ES256', kid: 'two' }],
    ['no signature', {}, { alg: 'none' }],
    ['a MAC', {}, { alg: 'HS256', kid: 'one' }],
  ];
  for (const [what, claims, header] of wrongs) {
    test(`is refused with ${what}`, async () => {
      await assert.rejects(
        verify(claims, header),
        (error) => error instanceof Fault && ['login_refused', 'workload_refused'].includes(error.code),
      );
    });
  }

  test('is refused when another key signed it under the same name', async () => {
    const { privateKey } = (await import('node:crypto')).generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const token = tokenOf({ alg: 'ES256', kid: 'one' }, claimsOf(), privateKey);
    await assert.rejects(verifyLogoutToken(readToken(token), expected, issuer.keys), {
      code: 'workload_refused',
    });
  });
});
