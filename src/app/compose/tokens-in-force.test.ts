import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noTokens } from '../../oauth/resource/token-rules.ts';
import { readTokens } from '../config/tokens-file.ts';
import { EndedTokens } from '../feed/ended-tokens.ts';
import type { TokenTrust } from '../feed/feed-message.ts';
import { tokensInForce } from './tokens-in-force.ts';

const trust: TokenTrust = { issuer: 'https://authority.example.internal', keys: [] };
const token = {
  issuer: trust.issuer,
  tokenId: 'token-1',
  grantId: 'grant-1',
  subject: 'alice',
  agent: 'spiffe://example.internal/agent/ci-bot',
  issuedAt: 1_000,
};

function stage(own: TokenTrust | null) {
  const ended = new EndedTokens();
  const view = { file: noTokens, own };
  const made = tokensInForce(
    { tokenRules: () => view.file, tokens: () => view.own, ended },
    () => 'https://mcp.example.internal',
  );
  return { ...made, kill: ended, view };
}

test('O1 the tokens of the authority count beside those of tokens.yaml, as long as the feed says so', () => {
  const { rules, view } = stage(trust);
  const first = rules();
  assert.deepEqual(
    first.issuers.map(({ name, issuer, longestLife }) => [name, issuer, longestLife]),
    [['countersign', trust.issuer, 300_000]],
  );
  assert.equal(first.gateway, 'https://mcp.example.internal');
  assert.equal(rules(), first, 'the same while nothing changes: signatures are remembered as long');
  view.file = readTokens(
    'tokens.yaml',
    'issuers: [{ name: sso, issuer: "https://sso.example" }]\nservers: { files: { issuers: [countersign] } }',
  );
  assert.deepEqual(
    rules().issuers.map(({ name }) => name),
    ['countersign', 'sso'],
  );
  view.own = null;
  assert.deepEqual(
    rules().issuers.map(({ name }) => name),
    ['sso'],
  );
});

test('O8 a token of the authority is ended by its id, its grant, its person or its agent, and one of another issuer by none', () => {
  const ends = [
    ['token', 'token-1'],
    ['grant', 'grant-1'],
    ['person', 'alice'],
    ['agent', token.agent],
  ] as const;
  for (const [kind, key] of ends) {
    const { ended, kill } = stage(trust);
    assert.equal(ended.isEnded(token), false);
    kill.add({ kind, key, before: 1_000, until: 2_000 }, 0);
    assert.equal(ended.isEnded(token), true, kind);
    assert.equal(ended.isEnded({ ...token, issuer: 'https://sso.example' }), false);
    assert.equal(ended.isEnded({ ...token, issuedAt: 1_001 }), false, 'issued since');
  }
  const { ended } = stage(trust);
  assert.equal(ended.isEnded({ ...token, tokenId: null }), true, 'one that cannot be ended is none of ours');
});
