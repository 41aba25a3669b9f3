import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withFreshLogin } from './fresh-login.ts';

test('O7 RFC 9470 §4: a fresh login may be wanted without OpenID Connect, and no parameter gets past it by another name', () => {
  const seen = (query: string): string => {
    const parameters = new URLSearchParams(query);
    withFreshLogin(parameters);
    return parameters.toString();
  };
  assert.equal(seen('scope=mcp&max_age=60&acr_values=gold'), 'scope=mcp&fresh_login=60');
  assert.equal(seen('max_age=0'), 'fresh_login=0');
  assert.equal(
    seen('scope=mcp+openid&max_age=60&acr_values=gold'),
    'scope=mcp+openid&max_age=60&acr_values=gold',
  );
  for (const wrong of ['max_age=', 'max_age=-1', 'max_age=1e3', 'max_age=60&max_age=9999', 'max_age=x']) {
    assert.equal(seen(wrong), wrong, 'the engine refuses it');
  }
  assert.equal(seen('max_age=1&fresh_login=99999&fresh_login=2'), 'fresh_login=1');
  assert.equal(seen('scope=openid&fresh_login=99999'), 'scope=openid');
});
