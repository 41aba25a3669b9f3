import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema, toConfig } from '../config/config.ts';
import { gatewayNames } from './gateway-names.ts';

const rows: readonly [Record<string, unknown>, readonly string[], readonly string[]][] = [
  [{}, ['localhost'], ['127.0.0.1', '::1']],
  [{ host: '0.0.0.0', hosts: ['edge.example.internal'] }, ['edge.example.internal'], []],
  [{ host: '::', hosts: ['edge.example.internal', '192.0.2.7'] }, ['edge.example.internal'], ['192.0.2.7']],
  [{ host: '192.0.2.2' }, [], ['192.0.2.2']],
  [{ host: 'edge.example.internal', hosts: ['edge.example.internal'] }, ['edge.example.internal'], []],
  [{ host: '127.0.0.1', hosts: ['edge'] }, ['localhost', 'edge'], ['127.0.0.1', '::1']],
];
for (const [agents, dnsNames, ipAddresses] of rows) {
  test(`U8 a gateway elsewhere asks for the names that it is told to answer to: ${JSON.stringify(agents)}`, () => {
    const config = toConfig(configSchema.parse({ listeners: { agents } }));
    assert.deepEqual(gatewayNames(config), { dnsNames, ipAddresses });
  });
}
