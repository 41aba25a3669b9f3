import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customFetch, processPushedAuthorizationResponse, ResponseBodyError } from 'oauth4webapi';
import { isScopeRefused, requestOptions } from './library.ts';
import type { Web } from './web.ts';

/** A network that answers everything with one refusal. */
const refusing = {
  local: false,
  request: async () => ({
    status: 400,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"error":"invalid_scope","error_description":"offline_access"}'),
  }),
} as unknown as Web;

test('O2 an error of an authorization server is read as one: the library is handed a Response of this very runtime', async () => {
  const fetch = requestOptions(refusing)[customFetch];
  const answer = await fetch('https://sso.example/par', { method: 'POST', headers: {} });
  assert.ok(answer instanceof globalThis.Response);
  const read = processPushedAuthorizationResponse(
    { issuer: 'https://sso.example' },
    { client_id: 'bridge' },
    answer,
  );
  await assert.rejects(read, (error) => {
    assert.ok(error instanceof ResponseBodyError, String(error));
    return isScopeRefused(error);
  });
});
