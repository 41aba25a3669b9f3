import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { backUp, restore } from '../../src/app/authority/backup.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { sha256Base64url } from '../../src/kernel/bytes.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { parseJson } from '../../src/kernel/parse-json.ts';
import { openTown, type Town, until } from './deployment.ts';
import { type Ended, runHere } from './program.ts';
import { openSecondGateway } from './second-gateway.ts';

let town: Town;
let folder: string;
/** The flags of an administrator. */
let admin: readonly string[];

before(async () => {
  town = await openTown();
  folder = await mkdtemp(join(tmpdir(), 'countersign-issuance-'));
  const place = join(folder, 'admin');
  await mkdir(place);
  const { ca, cert, key } = await town.issue('operator', 'admin');
  await writeFile(join(place, 'roots.pem'), ca);
  await writeFile(join(place, 'certificate.pem'), cert);
  await writeFile(join(place, 'key.pem'), key, { mode: 0o600 });
  admin = ['--authority', town.authorityUrl, '--admin', place];
  await town.addAgent('ci-bot');
  await town.addAgent('kiosk');
});
after(async () => {
  await town[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const lines = ({ stdout }: Ended): readonly { readonly [member: string]: unknown }[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => parseJson(line) as { readonly [member: string]: unknown });

test('I9 the issuance of a certificate is proved, and the proof is checked with nothing of the authority but its key', async () => {
  const { serial } = await town.issue('ci-bot');
  const other = await town.issue('kiosk');
  assert.equal((await runHere(['cert', 'monitor', '--state', at('kept'), ...admin])).code, 0);
  await town.issue('kiosk');
  const [key, known] = [join(at('kept'), 'public-key.pem'), join(at('kept'), 'checkpoint')];
  const made = await runHere([
    'cert',
    'prove',
    serial,
    '--known',
    known,
    '--out',
    at('proof.json'),
    ...admin,
  ]);
  assert.equal(made.code, 0, made.stderr);
  const check = (file: string, ...more: readonly string[]): Promise<Ended> =>
    runHere(['cert', 'check-proof', at(file), '--key', key, ...more]);
  const checked = await check('proof.json', '--known', known, '--json');
  assert.equal(checked.code, 0, checked.stderr);
  const shown = JSON.parse(checked.stdout) as { readonly ok: boolean; readonly serial: string };
  assert.deepEqual([shown.ok, shown.serial], [true, serial]);
  const entry = await runHere(['audit', 'check-proof', at('proof.json'), '--key', key]);
  assert.equal(entry.code, 0, 'the proof of an issuance is the proof of an entry');

  const proof = JSON.parse(await readFile(at('proof.json'), 'utf8')) as { consistency: { path: string[] } };
  const forged = {
    certificate: { ...proof, certificate: other.cert.slice(0, other.cert.indexOf('-----END') + 26) },
    entry: { ...proof, entry: String(Reflect.get(proof, 'entry')).replace('ci-bot', 'cd-bot') },
    history: { ...proof, consistency: { ...proof.consistency, path: proof.consistency.path.slice(1) } },
  };
  for (const [name, value] of Object.entries(forged)) {
    await writeFile(at('forged.json'), JSON.stringify(value));
    assert.equal((await check('forged.json', '--known', known)).code, 6, name);
  }
  await runHere(['cert', 'prove', serial, '--out', at('bare.json'), ...admin]);
  assert.equal((await check('bare.json', '--known', known)).code, 2, 'it says nothing about what was known');
  const { publicKey } = generateKeyPairSync('ed25519');
  await writeFile(at('stranger.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  const stranger = await runHere(['cert', 'check-proof', at('proof.json'), '--key', at('stranger.pem')]);
  assert.equal(stranger.code, 6, stranger.stderr);
  const none = await runHere(['cert', 'prove', '00ff', ...admin]);
  assert.equal(none.code, 4);
});

test('I9 the monitor lists what was issued for a name, and ends with 7 and a signed message when it was not expected', async () => {
  const told: { readonly body: string; readonly signed: boolean }[] = [];
  const secret = Buffer.alloc(32, 7);
  const receiver = createServer((request, response) => {
    void answer(request, response);
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await request.toArray()).join('');
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = request.headers;
    const expected = createHmac('sha256', secret)
      .update(`${String(id)}.${String(time)}.${body}`)
      .digest('base64');
    told.push({ body, signed: signature === `v1,${expected}` });
    response.end();
  };
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', () => resolve()));
  try {
    const address = receiver.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await writeFile(at('secret'), `whsec_${secret.toString('base64')}\n`, { mode: 0o600 });
    await writeFile(at('expected.yaml'), 'expected:\n  - { name: ci-bot, doors: [admin], owners: [test] }\n');
    const look = (): Promise<Ended> =>
      runHere([
        'cert',
        'monitor',
        'ci-*',
        'pay-*',
        '--state',
        at('watch'),
        '--expect',
        at('expected.yaml'),
        '--webhook',
        `http://127.0.0.1:${port}/`,
        '--webhook-secret',
        `file:${at('secret')}`,
        '--json',
        ...admin,
      ]);
    const first = await look();
    assert.equal(first.code, 0, first.stderr);
    assert.ok(
      lines(first)
        .slice(0, -1)
        .every(({ name, type }) => name === 'ci-bot' && type === 'issued'),
    );
    await town.issue('kiosk');
    await town.addAgent('pay-eu');
    const unexpected = await town.issue('pay-eu');
    const second = await look();
    assert.equal(second.code, 7, second.stderr);
    const [alert, issued] = lines(second);
    assert.deepEqual(
      [alert?.['alert'], alert?.['stage'], alert?.['serial'], alert?.['door'], alert?.['owner']],
      ['certificate-unexpected', 'reserved', unexpected.serial, 'admin', 'test'],
    );
    assert.deepEqual([issued?.['type'], issued?.['serial']], ['issued', unexpected.serial]);
    assert.deepEqual(
      told.map(({ signed }) => signed),
      [true],
    );
    assert.ok(told[0]?.body.includes(unexpected.serial));
    assert.equal((await look()).code, 0, 'what was alerted of is not alerted of again');
  } finally {
    receiver.close();
  }
});

test('I9 an authority that was put back to an old backup is noticed by whoever kept a checkpoint, and says so in its log', async () => {
  await backUp(town.data, at('backup'), systemClock);
  await town.issue('ci-bot');
  assert.equal((await runHere(['cert', 'monitor', '--state', at('rolled'), ...admin])).code, 0);
  const restored = dataFolder(at('restored'));
  await restore(at('backup'), restored, systemClock);
  await writeFile(at('passphrase'), town.passphrase, { mode: 0o600 });
  const look = (state: string): Promise<Ended> =>
    runHere([
      'cert',
      'monitor',
      '--state',
      at(state),
      '--json',
      '--folder',
      restored.folder,
      '--passphrase-file',
      at('passphrase'),
    ]);
  const noticed = await look('rolled');
  assert.equal(noticed.code, 6, noticed.stderr);
  assert.equal(lines(noticed)[0]?.['alert'], 'log-broken');
  const log = await readFile(join(restored.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
  assert.equal(log.split('"type":"authority.restored"').length, 2, 'once, however often it is opened');
  assert.equal(
    (await look('fresh')).code,
    0,
    'the log itself holds: who knew nothing of it sees nothing wrong',
  );
});

test('I9 a gateway that is given an older registry than before notices, and goes on refusing whom it refused', async () => {
  await using gateway = await openSecondGateway(town);
  const { authority } = town.deployment;
  const shown = await town.issue('ci-bot');
  const snapshot = {
    type: 'snapshot',
    registry: await authority.store.changes.snapshot(),
    policies: [],
  } as const;
  await authority.revoke({ serial: shown.serial, reason: 'test' }, 'test');
  const { view, audit } = gateway.gateway;
  const status = (): string =>
    view.identity.serialStatus(shown.serial, sha256Base64url(new X509Certificate(shown.cert).raw));
  await until(() => status() === 'revoked');
  gateway.tell(snapshot);
  assert.equal(status(), 'revoked');
  assert.equal(view.timesWentBack(), 1);
  await audit.checkpoint();
  assert.ok((await gateway.log()).includes('"type":"registry.went-back"'));
});
