import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { missing } from './missing.ts';
import { run } from './programs.ts';
import { openPublishedTown, type PublishedTown } from './published-town.ts';

const skip = missing('java', 'javac');
const program = join(import.meta.dirname, 'java', 'CheckChains.java');
/** The interpreter of bytecode and the quick compiler are enough, and start sooner. */
const quickly = ['-XX:TieredStopAtLevel=1', '-Dcom.sun.security.enableCRLDP=true'];

/** The serial of a certificate for a server, which is in `<name>.pem`. */
async function issueServer({ town, folder }: PublishedTown, name: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
  const order = {
    name,
    kind: 'server',
    csr,
    dnsNames: [`${name}.example.internal`],
    ipAddresses: [],
  } as const;
  const { certificate, serial } = await town.deployment.authority.issueFor(order, 'test');
  await writeFile(join(folder, `${name}.pem`), certificate);
  return serial;
}

test('I2 I7 Java takes our chains, and learns from our CRLs and by OCSP what is revoked, of the intermediate too', {
  skip,
}, async () => {
  await using published = await openPublishedTown();
  const { town, folder: cwd, intermediateId, rootId, url } = published;
  await published.issue('good-bot');
  const bot = await published.issue('bad-bot');
  await issueServer(published, 'good');
  const [bad, held] = [await issueServer(published, 'bad'), await issueServer(published, 'held')];
  const { authority } = town.deployment;
  const words = { reason: 'test', revocation: 'keyCompromise' } as const;
  for (const serial of [bot.serial, bad]) await authority.revoke({ serial, ...words }, 'test');
  await authority.revocations.hold(held, { reason: 'test', actor: 'test' });
  await published.fetchCrl(`/crl/${rootId}.crl`, 'root-crl');
  for (let waited = 0, listed = 0; waited < 200 && listed < 3; waited++) {
    const list = Buffer.from(await published.fetchCrl(`/crl/${intermediateId}.crl`, 'full')).toString('hex');
    listed = [bot.serial, bad, held].filter((serial) => list.includes(serial)).length;
  }
  // One process for all of it: a virtual machine takes a second to start.
  const leaves = ['good', 'bad', 'held', '@good-bot', '@bad-bot', 'good-bot'];
  const said = await run('java', [...quickly, program, cwd, `${url}/ocsp`, ...leaves], { cwd });
  const lines = (name: string, what: string): readonly string[] => [
    `${name} chain valid`,
    ...['crl', 'named', 'ocsp'].map((way) => `${name} ${way} ${what}`),
  ];
  // Java takes the common name of a leaf without DNS names for one: docs/divergences.md.
  const refused = ['chain', 'crl', 'named', 'ocsp'].map(
    (way) => `good-bot ${way} refused name constraints check failed`,
  );
  assert.deepEqual(said.text.trim().split('\n'), [
    'list critical []',
    'list critical []',
    ...lines('good', 'valid'),
    ...lines('bad', 'revoked KEY_COMPROMISE'),
    ...lines('held', 'revoked CERTIFICATE_HOLD'),
    ...lines('@good-bot', 'valid'),
    ...lines('@bad-bot', 'revoked KEY_COMPROMISE'),
    ...refused,
  ]);
});
