import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIdentifiers } from './identifier.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const dns = (value: string) => ({ type: 'dns', value });
const ip = (value: string) => ({ type: 'ip', value });

test('I3 identifiers are DNS names in lower case, wildcards, and addresses in their one spelling', () => {
  const read = readIdentifiers([
    dns('Files.Example.Internal'),
    dns('*.example.internal'),
    ip('10.0.0.1'),
    ip('::1'),
  ]);
  assert.deepEqual(
    read.map(({ value }) => value),
    ['files.example.internal', '*.example.internal', '10.0.0.1', '::1'],
  );
});

test('I3 refuses what is no DNS name and no address, and names twice', () => {
  for (const wrong of [
    dns('10.0.0.1'),
    dns('*'),
    dns('a.*.internal'),
    dns('*.*.internal'),
    dns('a..b'),
    dns('-a.internal'),
    dns('a_b.internal'),
    dns('a.internal.'),
    dns('ä.internal'),
    dns(''),
    dns('a'.repeat(64)),
    dns('a.internal/x'),
    dns('a.internal:80'),
    dns('a.internal\n'),
    ip('files.internal'),
    ip('010.0.0.1'),
    ip('0:0::1'),
    ip('::1%eth0'),
    ip('[::1]'),
    ip('10.0.0.0/8'),
  ]) {
    assert.throws(() => readIdentifiers([wrong]), fault('identifier_refused'), JSON.stringify(wrong));
  }
  assert.throws(() => readIdentifiers([{ type: 'email', value: 'a@b' }]), fault('identifier_unsupported'));
  assert.throws(() => readIdentifiers([dns('a.internal'), dns('A.internal')]), fault('invalid_input'));
  for (const wrong of [undefined, [], {}, [1], [{ type: 'dns' }]]) {
    assert.throws(() => readIdentifiers(wrong), fault('invalid_input'));
  }
  const many = Array.from({ length: 21 }, (_, at) => dns(`h${at}.internal`));
  assert.throws(() => readIdentifiers(many), fault('identifier_refused'));
});
