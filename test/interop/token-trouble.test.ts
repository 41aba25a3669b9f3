import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { holderContext } from '../../src/app/authority/signing-key-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type HeldKey, proveKey } from '../../src/keys/held-key.ts';
import { readKeyReference } from '../../src/keys/key-reference.ts';
import { openHeldKey } from '../../src/keys/open-key.ts';
import { isFault } from '../contracts/is-fault.ts';
import { library, makeSoftHsm, skip } from './soft-hsm.ts';

const pin = '4711-4711';

test('I8 a PKCS #11 token: its PIN is seen by nobody and never tried twice, its key is never exchanged', {
  skip,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-token-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
  const hsm = await makeSoftHsm(folder, ['other', 'ca'], pin);
  const pinFile = join(folder, 'pin');
  await writeFile(pinFile, pin, { mode: 0o600 });
  const reference = (object: string, source = `file:${pinFile}`): string =>
    `pkcs11:token=ca;object=${object}?module-path=${library}&pin-source=${source}`;
  const openKey = (text: string, more: Readonly<Record<string, string>> = {}): Promise<HeldKey> => {
    const environment = { ...hsm.environment, ...more };
    const holderLimits = {
      attemptMilliseconds: 1_000,
      totalMilliseconds: 2_000,
      attempts: 2,
      concurrent: 16,
    };
    const context = holderContext({ environment, clock: systemClock, holderLimits }, true);
    return openHeldKey(readKeyReference(text, environment), context);
  };
  const endLibrary = async (): Promise<void> => {
    const pids = await hsm.processes();
    process.kill(pids.at(-1) ?? 0, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 100));
  };

  await t.test(
    'the process of the library has the PIN neither on its command line nor in its environment',
    async () => {
      await using key = await openKey(reference('ca', 'env:THE_PIN'), {
        THE_PIN: pin,
        VAULT_TOKEN: 'hvs.secret',
      });
      await proveKey(key, key.publicKey);
      const place = `/proc/${(await hsm.processes()).at(-1)}`;
      const seen =
        (await readFile(`${place}/cmdline`, 'latin1')) + (await readFile(`${place}/environ`, 'latin1'));
      assert.match(seen, /remote/);
      assert.doesNotMatch(seen, /4711|THE_PIN|hvs\.secret/);
    },
  );

  await t.test('a library that crashes is started again by the next signature', async () => {
    await using key = await openKey(reference('ca'));
    await endLibrary();
    await proveKey(key, key.publicKey);
  });

  await t.test('a PIN that the token refused is not tried again before it has changed', async () => {
    await using key = await openKey(reference('ca'));
    await writeFile(pinFile, 'wrong');
    await endLibrary();
    await assert.rejects(key.sign(Buffer.from('x')), /CKR_PIN_INCORRECT/);
    const started = (await hsm.processes()).length;
    await assert.rejects(key.sign(Buffer.from('x')), isFault('key_refused'));
    assert.equal((await hsm.processes()).length, started, 'the library was not even started');
    await writeFile(pinFile, pin);
    await proveKey(key, key.publicKey);
  });

  await t.test('another key under the same label and id is not used', async () => {
    await using key = await openKey(reference('swapped'));
    const id = /id=([%\w]+)/.exec(key.reference)?.[1]?.replaceAll('%', '') ?? '';
    const tool = (...words: readonly string[]): string =>
      hsm.run('pkcs11-tool', ['--module', library, '--token-label', 'ca', '--login', '--pin', pin, ...words]);
    for (const type of ['privkey', 'pubkey']) tool('--delete-object', '--type', type, '--label', 'swapped');
    tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'swapped', '--id', id);
    await endLibrary();
    await assert.rejects(key.sign(Buffer.from('x')), /not the same as at the start/);
  });

  await t.test('keys that cannot be meant are refused', async () => {
    const tool = (...words: readonly string[]): string =>
      hsm.run('pkcs11-tool', ['--module', library, '--token-label', 'ca', '--login', '--pin', pin, ...words]);
    tool('--keypairgen', '--key-type', 'rsa:2048', '--label', 'rsa');
    tool('--keypairgen', '--key-type', 'EC:secp384r1', '--label', 'p384');
    for (const id of ['01', '02'])
      tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'twice', '--id', id);
    for (const object of ['rsa', 'p384', 'twice']) {
      await assert.rejects(openKey(reference(object)), isFault('key_refused'), object);
    }
    await using key = await openKey(reference('twice').replace('object=twice', 'object=twice;id=%02'));
    await proveKey(key, key.publicKey);
    await assert.rejects(openKey(reference('ca').replace('token=ca', 'token=absent')), isFault('not_found'));
    await assert.rejects(
      openKey(reference('ca').replace(library, '/usr/lib/none.so')),
      isFault('key_refused'),
    );
  });

  for (const [what, script] of Object.entries(liars)) {
    await t.test(`a key holder that ${what} signs nothing and is not waited for`, async () => {
      const program = join(folder, 'bin', 'p11-kit');
      await hsm.replaceProgram(program, script);
      const before = systemClock.monotonic();
      await assert.rejects(openKey(reference('ca'), { PATH: join(folder, 'bin') }), isFault('unavailable'));
      assert.ok(systemClock.monotonic() - before < 3_500);
    });
  }

  await t.test('without p11-kit it is said what to install', async () => {
    await assert.rejects(openKey(reference('ca'), { PATH: '/nonexistent' }), /Install the package p11-kit/);
  });
});

const liars = {
  'ends at once': 'exit 1',
  'answers nothing': 'exec /bin/sleep 20',
  'answers zeros for ever': 'exec /usr/bin/head -c 100000 /dev/zero',
  'answers what nobody asked':
    "printf '\\000\\000\\000\\001\\377\\000\\000\\000\\000\\000\\000\\000\\000'; exec /bin/sleep 20",
  'promises a gigabyte':
    "printf '\\000\\000\\000\\000\\020\\000\\000\\000\\000\\100\\000\\000\\000'; exec /bin/sleep 20",
};
