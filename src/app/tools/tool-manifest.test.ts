import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { checkpointSigner } from '../../audit/checkpoint.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { readToolDefinition, type ToolDefinition } from '../../mcp/tool-definition.ts';
import { manifestKeyName, readToolManifest, writeToolManifest } from './tool-manifest.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = checkpointSigner(manifestKeyName, privateKey);

function definition(tool: Json): ToolDefinition {
  const read = readToolDefinition(tool);
  assert.ok(read);
  return read;
}

const manifest = {
  server: 'files',
  issuedAt: Date.UTC(2026, 10, 26),
  tools: [definition({ name: 'read', description: '— a line\nand "quotes"' }), definition({ name: 'write' })],
};
const note = writeToolManifest(manifest, signer);
const refused = (error: unknown): boolean => error instanceof Fault && error.code === 'manifest_refused';

test('A5 a signed manifest reads as what was signed, and is text that a person can read', () => {
  assert.deepEqual(readToolManifest(note, publicKey), manifest);
  assert.equal(
    note.split('\n').slice(0, 4).join('\n'),
    'countersign tools v1\nfiles\n2026-11-26T00:00:00.000Z\n{"description":"— a line\\nand \\"quotes\\"","name":"read"}',
  );
});

test('A5 attack, forged manifest: one character more, less or other anywhere and nothing of it counts', () => {
  for (let at = 0; at < note.length; at += 1) {
    const other = note[at] === 'x' ? 'y' : 'x';
    const forged = [note.slice(0, at) + note.slice(at + 1), note.slice(0, at) + other + note.slice(at + 1)];
    for (const one of forged) assert.throws(() => readToolManifest(one, publicKey), refused, `at ${at}`);
  }
  for (const one of ['', '\n', note.trimEnd(), `${note}\n`, `${note}${note}`, note.split('\n\n')[0] ?? ''])
    assert.throws(() => readToolManifest(one, publicKey), refused);
});

test('A5 attack, forged manifest: another key, another kind of key, another kind of signed note', () => {
  const other = generateKeyPairSync('ed25519');
  assert.throws(() => readToolManifest(note, other.publicKey), refused);
  assert.throws(
    () => readToolManifest(note, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
    refused,
  );
  const named = writeToolManifest(manifest, checkpointSigner('example.internal/gateway', privateKey));
  assert.throws(() => readToolManifest(named, publicKey), refused);
});

test('A5 a manifest that its key signed and that could be read in two ways is refused', () => {
  const signed = (texts: readonly string[], server = 'files', issuedAt = manifest.issuedAt): string => {
    const tools = texts.map((text) => ({ name: text, hash: '', text }));
    return writeToolManifest({ server, issuedAt, tools }, signer);
  };
  assert.equal(readToolManifest(signed(['{"name":"a"}']), publicKey).tools.length, 1);
  const wrong = [
    signed([]),
    signed(['{"name": "a"}']),
    signed(['{"name":"a","description":"unsorted"}']),
    signed(['{"name":"a","name":"a"}']),
    signed(['{"name":"a"}', '{"name":"a"}']),
    signed(['{"no":"name"}']),
    signed(['']),
    signed(['{"name":"a"}'], '../files'),
  ];
  for (const one of wrong) assert.throws(() => readToolManifest(one, publicKey), refused, one);
});
