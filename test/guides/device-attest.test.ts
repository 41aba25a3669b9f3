import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAttestation } from '../../src/app/config/attestation-file.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { openSigner, thumbprintOf } from '../interop/acme-signer.ts';
import { openAcmeTown, type AcmeTown } from '../interop/acme-town.ts';
import { type AttestedDevice, openAttestedDevice } from '../interop/attested-device.ts';
import { missing } from '../interop/missing.ts';
import { runGuide, townFor } from './run-guide.ts';

const provider =
  globSync('/usr/lib/*/ossl-modules/tpm2.so').length > 0 ? false : 'tpm2-openssl is not installed here';
const skip = missing('bash', 'curl', 'swtpm', 'tpm2', 'openssl') || provider;
const guide = join(import.meta.dirname, '../../docs/guides/device-attest.md');

test('I3 the commands of the guide to devices that attest their keys do what it says', {
  skip,
  timeout: 150_000,
}, async () => {
  await using at = await openAcmeTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    mkdirSync(join(folder, 'tpm'));
    await using device = await openAttestedDevice(join(folder, 'tpm'), 'SN-1000');
    await using client = await openClient(at, device, folder);
    writeFileSync(join(folder, 'roots.pem'), device.roots);
    const given = { FOLDER: at.town.data.folder, ROOTS: join(folder, 'roots.pem'), ENROL: client.command };
    await runGuide('device-attest', { ...(await townFor(at.town, folder)), ...given }, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /URI:spiffe:\/\/example\.internal\/agent\/edge-bot/);
      assert.match(said, /issued/);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('I3 the example of the guide to devices that attest their keys is a file that is read', () => {
  const example = /^```yaml\n(makers:[\s\S]*?)^```$/m.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  const { makers, devices } = readAttestation('attestation.yaml', example);
  assert.deepEqual(makers, [
    { name: 'fleet', format: 'tpm', file: 'fleet-roots.pem', identifiers: ['SN-*'] },
  ]);
  assert.deepEqual(devices, [{ kind: 'server', names: ['edge-*'], identifiers: ['SN-9*'] }]);
});

/** The client of the guide: a command that asks this process, which has the TPM. */
async function openClient(
  at: AcmeTown,
  device: AttestedDevice,
  folder: string,
): Promise<AsyncDisposable & { readonly command: string }> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    const [kid = '', hmacKey = '', serial = ''] = ['kid', 'hmac', 'serial'].map(
      (one) => searchParams.get(one) ?? '',
    );
    enrol(at, device, { kid, hmacKey, serial }).then(
      (certificate) => response.end(certificate),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const command = join(folder, 'enrol');
  const url = `http://127.0.0.1:${port}/?kid=$KEY_ID&hmac=$HMAC_KEY&serial=$SERIAL`;
  writeFileSync(command, `#!/bin/sh\nexec curl -sS --fail-with-body "${url}"\n`);
  chmodSync(command, 0o755);
  return {
    command,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function enrol(
  at: AcmeTown,
  device: AttestedDevice,
  { serial, ...external }: { readonly kid: string; readonly hmacKey: string; readonly serial: string },
): Promise<string> {
  await using me = openSigner(at);
  await me.open(external);
  const order = await me.post('new-order', {
    identifiers: [{ type: 'permanent-identifier', value: serial }],
  });
  const [authorization = ''] = order.body['authorizations'] as string[];
  const [challenge] = (await me.post(authorization, null)).body['challenges'] as JsonObject[];
  const { token, url } = challenge as { token: string; url: string };
  await me.post(url, { attObj: await device.attest(`${token}.${thumbprintOf(me.key)}`) });
  const csr = await device.csr('edge-bot');
  const done = await me.post(`${order.headers.get('location') ?? ''}/finalize`, { csr });
  return (await me.post(done.body['certificate'] as string, null)).text;
}
