import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { sha256Base64url } from '../kernel/bytes.ts';
import { TokenFault } from '../oauth/resource/challenge.ts';
import { standingOf } from './caller.fixture.ts';
import {
  gatewayUrl,
  mintingIssuer,
  serverRule,
  signed,
  testGate,
  tokenRules,
  tokenTime,
} from './token.fixture.ts';

const own = await standingOf('ci-bot');
const sso = mintingIssuer();
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = publicKey.export({ format: 'jwk' }) as JWK;
const jkt = await calculateJwkThumbprint(jwk);
const rules = tokenRules({
  issuers: [sso.issuer],
  servers: new Map([
    [
      'files',
      serverRule({ bindings: new Set(['mtls', 'dpop']), scopes: ['files:read'], asked: ['files:read'] }),
    ],
    ['git', serverRule()],
  ]),
});
const url = `${gatewayUrl}/mcp/files`;

/** The nonce that a gate gives with its first refusal. */
async function nonceOf({ gate }: ReturnType<typeof testGate>): Promise<string> {
  const { headers } = await refusal(gate, {});
  return headers['dpop-nonce'] ?? '';
}

async function refusal(
  gate: ReturnType<typeof testGate>['gate'],
  given: Readonly<Record<string, string>>,
): Promise<TokenFault> {
  const headers = { get: (name: string) => given[name] ?? null, entries: () => [].values() };
  try {
    await gate.admit({ headers, method: 'POST' }, own, 'files');
  } catch (error) {
    if (error instanceof TokenFault) return error;
    throw error;
  }
  return assert.fail('it was let in');
}

async function proofFor(token: string, nonce: string, htu = url): Promise<string> {
  const claims = {
    jti: nonce + token.slice(-8),
    htm: 'POST',
    htu,
    iat: tokenTime / 1_000,
    ath: sha256Base64url(token),
    nonce,
  };
  return await signed({ alg: 'ES256', typ: 'dpop+jwt', jwk }, claims, privateKey);
}

describe('O1 RFC 9449 tokens that are bound to a key of their own', () => {
  test('§7.1 count with the proof, once each, where the server takes them', async () => {
    const stage = testGate(rules);
    const token = await sso.token({ cnf: { jkt } });
    const proof = await proofFor(token, await nonceOf(stage));
    assert.equal(await stage.answer(token, own, { scheme: 'DPoP', proof }), 'dpop');
    assert.equal(await stage.answer(token, own, { scheme: 'DPoP', proof }), 'proof_invalid', '§11.1');
    const forGit = await sso.token({ cnf: { jkt }, aud: `${gatewayUrl}/mcp/git` });
    const other = await proofFor(forGit, await nonceOf(stage), `${gatewayUrl}/mcp/git`);
    assert.equal(
      await stage.answer(forGit, own, { scheme: 'DPoP', proof: other, server: 'git' }),
      'token_invalid',
    );
  });

  test('§7.2 are worth nothing as Bearer, without a proof, or with the proof of another key or resource', async () => {
    const stage = testGate(rules);
    const token = await sso.token({ cnf: { jkt } });
    const nonce = await nonceOf(stage);
    assert.equal(await stage.answer(token, own), 'token_invalid');
    assert.equal(await stage.answer(token, own, { scheme: 'DPoP' }), 'proof_invalid');
    const proof = await proofFor(token, nonce);
    assert.equal(await stage.answer(token, own, { proof }), 'token_invalid', 'a proof beside Bearer');
    const elsewhere = await proofFor(token, nonce, `${gatewayUrl}/mcp/git`);
    assert.equal(await stage.answer(token, own, { scheme: 'DPoP', proof: elsewhere }), 'proof_invalid');
    const foreign = await sso.token({ cnf: { jkt: jkt.split('').reverse().join('') } });
    const mine = await proofFor(foreign, nonce);
    assert.equal(await stage.answer(foreign, own, { scheme: 'DPoP', proof: mine }), 'token_invalid');
  });

  test('§7.1 a token bound to a certificate, or to nothing, does not become one by a proof', async () => {
    const stage = testGate(rules);
    for (const cnf of [{ 'x5t#S256': own.caller.thumbprint }, undefined]) {
      const token = await sso.token({ cnf });
      const proof = await proofFor(token, await nonceOf(stage));
      assert.equal(await stage.answer(token, own, { scheme: 'DPoP', proof }), 'token_invalid');
    }
    const bound = await sso.token({ cnf: { 'x5t#S256': own.caller.thumbprint } });
    assert.equal(await stage.answer(bound, own), 'mtls', 'the certificate counts as well');
    const beside = await proofFor(bound, await nonceOf(stage));
    assert.equal(
      await stage.answer(bound, own, { proof: beside }),
      'token_invalid',
      'and not with a proof beside it',
    );
  });

  test('§7.1 and §9 the challenge says which algorithms count and which nonce to use', async () => {
    const { gate } = testGate(rules);
    const algs = 'algs="ES256 ES384 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA"';
    const metadata = `resource_metadata="${gatewayUrl}/.well-known/oauth-protected-resource/mcp/files"`;
    const none = await refusal(gate, {});
    assert.equal(none.headers['www-authenticate'], `Bearer ${metadata}, scope="files:read", DPoP ${algs}`);
    const token = await sso.token({ cnf: { jkt } });
    const without = await refusal(gate, {
      authorization: `DPoP ${token}`,
      dpop: await proofFor(token, 'mine'),
    });
    assert.equal(without.code, 'proof_nonce');
    assert.equal(
      without.headers['www-authenticate'],
      `Bearer ${metadata}, scope="files:read", DPoP error="use_dpop_nonce", ${algs}`,
    );
    const again = {
      authorization: `DPoP ${token}`,
      dpop: await proofFor(token, without.headers['dpop-nonce'] ?? ''),
    };
    const headers = {
      get: (name: string) => again[name as keyof typeof again] ?? null,
      entries: () => [].values(),
    };
    const grant = await gate.admit({ headers, method: 'POST' }, own, 'files');
    assert.equal(grant?.binding, 'dpop');
    const file = gate.metadataAt('/.well-known/oauth-protected-resource/mcp/files');
    assert.deepEqual(file?.['dpop_signing_alg_values_supported'], [
      'ES256',
      'ES384',
      'RS256',
      'RS384',
      'RS512',
      'PS256',
      'PS384',
      'PS512',
      'EdDSA',
    ]);
    assert.equal(file?.['tls_client_certificate_bound_access_tokens'], false);
  });
});
