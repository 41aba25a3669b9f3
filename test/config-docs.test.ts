import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultsTable } from '../src/app/config/defaults-table.ts';
import { attestationJsonSchema } from '../src/app/config/attestation-file.ts';
import { clientsJsonSchema } from '../src/app/config/clients-file.ts';
import { flowsJsonSchema } from '../src/app/config/flows-file.ts';
import { issuanceJsonSchema } from '../src/app/config/issuance-file.ts';
import { auditExportJsonSchema } from '../src/app/config/audit-export-file.ts';
import { limitsJsonSchema } from '../src/app/config/limits-file.ts';
import { agentPassportsJsonSchema } from '../src/app/config/agent-passports-file.ts';
import { callApprovalsJsonSchema } from '../src/app/config/call-approvals-file.ts';
import { signedCallsJsonSchema } from '../src/app/config/signed-calls-file.ts';
import { peopleJsonSchema } from '../src/app/config/people-file.ts';
import { storeJsonSchema } from '../src/app/config/store-file.ts';
import { tokensJsonSchema } from '../src/app/config/tokens-schema.ts';
import { workloadsJsonSchema } from '../src/app/config/workloads-file.ts';
import { configJsonSchema, listSettings } from '../src/app/config/json-schema.ts';

const docs = join(import.meta.dirname, '../docs');
const remedy = 'run: node scripts/write-config-pages.ts';

test('docs/defaults.md lists every setting with its default, meaning and reason', () => {
  assert.ok(readFileSync(join(docs, 'defaults.md'), 'utf8').includes(`\n${defaultsTable()}`), remedy);
});

test('the published JSON Schema is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'countersign.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(configJsonSchema())), remedy);
});

test('T7 the published JSON Schema of limits.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'limits.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(limitsJsonSchema())), remedy);
});

test('S4 the published JSON Schema of store.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'store.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(storeJsonSchema())), remedy);
});

test('S4 the published JSON Schema of audit-export.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'audit-export.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(auditExportJsonSchema())), remedy);
});

test('A4 the published JSON Schema of call-approvals.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'call-approvals.schema.json'), 'utf8'));
  assert.deepEqual(published, callApprovalsJsonSchema());
});

test('A6 the published JSON Schema of flows.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'flows.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(flowsJsonSchema())), remedy);
});

test('O9 the published JSON Schema of signed-calls.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'signed-calls.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(signedCallsJsonSchema())), remedy);
});

test('O9 the published JSON Schema of agent-passports.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'agent-passports.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(agentPassportsJsonSchema())), remedy);
});

test('O1 the published JSON Schema of tokens.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'tokens.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(tokensJsonSchema())), remedy);
});

test('I3 the published JSON Schema of workloads.yaml is the one the program reads by', () => {
  const issuance: unknown = JSON.parse(readFileSync(join(docs, 'issuance.schema.json'), 'utf8'));
  assert.deepEqual(issuance, JSON.parse(JSON.stringify(issuanceJsonSchema())), remedy);
  const attestation: unknown = JSON.parse(readFileSync(join(docs, 'attestation.schema.json'), 'utf8'));
  assert.deepEqual(attestation, JSON.parse(JSON.stringify(attestationJsonSchema())), remedy);
  const published: unknown = JSON.parse(readFileSync(join(docs, 'workloads.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(workloadsJsonSchema())), remedy);
});

test('O2 the published JSON Schema of clients.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'clients.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(clientsJsonSchema())), remedy);
});

test('I3 the published JSON Schema of people.yaml is the one the program reads by', () => {
  const published: unknown = JSON.parse(readFileSync(join(docs, 'people.schema.json'), 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(peopleJsonSchema())), remedy);
});

test('every setting has a type, a meaning and a reason for its default', () => {
  for (const { path, type, meaning, reason } of listSettings()) {
    assert.ok(['integer', 'string', 'array'].includes(type), path.join('.'));
    assert.match(meaning, /\.$/, path.join('.'));
    assert.match(reason, /\.$/, path.join('.'));
  }
});
