import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { readClients } from './clients-file.ts';

test('O2 clients.yaml names clients, where their keys are and what they do', () => {
  const [batch, portal] = readClients(
    'clients.yaml',
    `clients:
  - { id: batch, keys: { file: batch.jwks } }
  - id: portal
    name: The portal
    keys: { url: "https://portal.example/jwks.json" }
    algorithm: PS256
    does: [code, alone]
    redirects: ["https://portal.example/callback"]
`,
  );
  assert.deepEqual(batch?.grants, ['client_credentials']);
  assert.deepEqual([batch?.title, batch?.algorithm, batch?.redirects], [null, null, []]);
  assert.deepEqual(portal?.grants, ['authorization_code', 'client_credentials', 'refresh_token']);
  assert.deepEqual(portal?.keys, { url: 'https://portal.example/jwks.json', discover: false });
  assert.deepEqual(readClients('clients.yaml', '{}'), []);
});

const keys = 'keys: { file: k }';
for (const [text, near] of [
  ['client: []', 'clients'],
  [`clients: [{ id: a, ${keys}, secret: s }]`, 'secret'],
  [`clients: [{ id: "spiffe://x/agent/a", ${keys} }]`, 'clients.0.id must be'],
  [`clients: [{ id: "https://x/client.json", ${keys} }]`, 'clients.0.id must be'],
  ['clients: [{ id: a }]', 'keys'],
  ['clients: [{ id: a, keys: { url: "http://x/jwks" } }]', 'keys'],
  [`clients: [{ id: a, ${keys}, algorithm: HS256 }]`, 'algorithm'],
  [`clients: [{ id: a, ${keys}, does: [code] }]`, 'redirects'],
  [`clients: [{ id: a, ${keys}, redirects: ["https://x/"] }]`, 'redirects'],
  [`clients: [{ id: a, ${keys}, does: [code], redirects: ["http://x/"] }]`, 'redirects'],
  [`clients: [{ id: a, ${keys}, does: [code], redirects: ["javascript:x"] }]`, 'redirects'],
  [`clients: [{ id: a, ${keys} }, { id: a, ${keys} }]`, 'twice'],
] as const) {
  test(`O2 ${JSON.stringify(text)} is refused whole, with what is meant`, () => {
    assert.throws(
      () => readClients('clients.yaml', text),
      (error) => error instanceof Fault && error.code === 'config_invalid' && error.message.includes(near),
    );
  });
}
