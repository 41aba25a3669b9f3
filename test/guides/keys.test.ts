import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { credentials, skip as noMoto, startMoto } from '../interop/moto.ts';
import { program, skip as noOpenBao, startOpenBao } from '../interop/open-bao.ts';
import { library, makeSoftHsm, skip as noSoftHsm } from '../interop/soft-hsm.ts';
import { start } from '../journeys/program.ts';
import { type GuideRun, runGuide } from './run-guide.ts';

test('I8 the commands of the guide to keys in Vault do what it says', {
  skip: noOpenBao,
  timeout: 120_000,
}, async () => {
  await inFolder(async (folder) => {
    await using bao = await startOpenBao(join(folder, 'bao'), { transit: false });
    const known = { VAULT_ADDR: bao.address, VAULT_CACERT: bao.authorities, VAULT_TOKEN: bao.rootToken };
    // The guide says `bao`, which is to be found as on a machine where it is installed.
    process.env['PATH'] = `${dirname(program)}${delimiter}${process.env['PATH']}`;
    await runGuide('keys-vault', { ...known, BAO_TOKEN: bao.rootToken }, (run) =>
      signsElsewhere(run, 'vault:transit/keys/countersign', 2),
    );
  });
});

test('I8 the commands of the guide to keys in AWS KMS do what it says', {
  skip: noMoto,
  timeout: 120_000,
}, async () => {
  await using moto = await startMoto();
  const known = {
    AWS_ENDPOINT_URL_KMS: moto.endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  await runGuide('keys-aws-kms', known, (run) => signsElsewhere(run, 'aws-kms:', 1));
});

test('I8 the commands of the guide to keys on a PKCS #11 token do what it says', {
  skip: noSoftHsm,
  timeout: 120_000,
}, async () => {
  await inFolder(async (folder) => {
    const { environment } = await makeSoftHsm(folder, [], '');
    const known = { SOFTHSM2_CONF: environment['SOFTHSM2_CONF'] ?? '', MODULE: library };
    await runGuide('keys-pkcs11', known, async (run) => {
      signsElsewhere(run, 'pkcs11:token=ca;object=intermediate', 1);
      process.env['SOFTHSM2_CONF'] = known.SOFTHSM2_CONF;
      const [data, passphrase] = [join(run.folder, 'ca'), join(run.folder, 'passphrase')];
      for (const command of ['up', 'authority']) {
        const words = [command, '--folder', data, '--passphrase-file', passphrase, '--ports', 'any'];
        await using running = await start(words);
        assert.match(
          running.first.listening['authority'] ?? '',
          /^https:/,
          'its own certificate was signed by the token',
        );
      }
    });
  });
});

function signsElsewhere({ code, said }: GuideRun, holder: string, checks: number): void {
  assert.equal(code, 0, said);
  const checked =
    said.match(/The key of the intermediate is in (\S+) and signs: \d+ signatures verified/g) ?? [];
  assert.equal(checked.length, checks, said);
  assert.ok(
    checked.every((line) => line.includes(`is in ${holder}`)),
    said,
  );
  assert.match(said, /"format": "countersign-key-reference-v1"/);
  assert.equal(said.match(/Not in it: the key /g)?.length, 2, said);
  assert.doesNotMatch(said, /Note:/);
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-keys-'));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
