import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressRanges, isPublicAddress } from './address-guard.ts';

const inside = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '2606:4700::1%lo',
  'localhost',
  '',
  '0x7f.1',
];
const outside = ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450::1'];

for (const address of inside) {
  test(`CVE-2026-77822 refuses ${address === '' ? 'nothing' : address} as a public address`, () => {
    assert.equal(isPublicAddress(address), false);
  });
}

for (const address of outside) {
  test(`takes ${address} for a public address`, () => {
    assert.equal(isPublicAddress(address), true);
  });
}

test('law 8 ranges permit what they name and nothing beside it', () => {
  const permitted = (names: readonly string[], addresses: readonly string[]): readonly string[] =>
    addresses.filter((address) => addressRanges(names).permits(address));
  const some = [
    '8.8.8.8',
    '10.1.2.3',
    '127.0.0.1',
    '::1',
    'fd00::1',
    '169.254.169.254',
    'fe80::1',
    '0.0.0.0',
  ];
  assert.deepEqual(permitted([], some), []);
  assert.deepEqual(permitted(['public'], some), ['8.8.8.8']);
  assert.deepEqual(permitted(['private'], some), ['10.1.2.3', 'fd00::1']);
  assert.deepEqual(permitted(['loopback'], some), ['127.0.0.1', '::1']);
  assert.deepEqual(permitted(['10.1.0.0/16', 'fe80::/10'], some), ['10.1.2.3', 'fe80::1']);
  assert.deepEqual(
    permitted(['public', 'private', 'loopback'], ['localhost', '', '10.1.2.3%eth0', '10.1']),
    [],
  );
  // An IPv4 address in an IPv6 one is the address that is reached.
  assert.deepEqual(permitted(['10.0.0.0/8', 'public'], ['::ffff:127.0.0.1', '::ffff:8.8.8.8']), []);
  for (const wrong of ['10.0.0.0', '10.0.0.0/33', '::/129', 'all', 'x/8', '10.0.0.0/8/8']) {
    assert.throws(() => addressRanges([wrong]), { code: 'config_invalid' });
  }
});
