import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holderContext } from '../src/app/authority/signing-key-file.ts';
import type { SigningKey } from '../src/ca/issuer.ts';
import { signingKey } from '../src/ca/signing-key.ts';
import { systemClock } from '../src/kernel/clock.ts';
import type { HeldKey } from '../src/keys/held-key.ts';
import { readKeyReference } from '../src/keys/key-reference.ts';
import { openHeldKey } from '../src/keys/open-key.ts';
import { credentials, startMoto } from '../test/interop/moto.ts';
import { startOpenBao } from '../test/interop/open-bao.ts';
import { library, makeSoftHsm } from '../test/interop/soft-hsm.ts';

/**
 * Signatures a second of each holder of keys, one after the other and sixteen at once, with the servers of the tests:
 * `npm run bench:keys`. They run on this machine, so a network and a real device are not in the numbers.
 */
const seconds = 3;
const size = 700;

const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-keys-'));
const cleanUp = new AsyncDisposableStack();
cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
try {
  print('| holder | one after the other | 16 at once | milliseconds each |\n|---|---|---|---|');
  await measure('encrypted file', signingKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey));
  await measure('PKCS #11, SoftHSM through p11-kit', cleanUp.use(await openToken()));
  await measure('OpenBao transit over TLS', cleanUp.use(await openTransit()));
  await measure('AWS KMS, moto', cleanUp.use(await openKms()));
} finally {
  await cleanUp.disposeAsync();
}

async function openToken(): Promise<HeldKey> {
  const pin = join(folder, 'pin');
  await writeFile(pin, '4711', { mode: 0o600 });
  const { environment } = await makeSoftHsm(join(folder, 'hsm'), ['ca'], '4711');
  const where = `module-path=${library}&pin-source=file:${pin}`;
  return await openKey(`pkcs11:token=ca;object=ca?${where}`, environment);
}

async function openTransit(): Promise<HeldKey> {
  const bao = cleanUp.use(await startOpenBao(join(folder, 'bao')));
  const where = `address=${bao.address}&ca=${bao.authorities}&token=env:TOKEN`;
  return await openKey(`vault:transit/keys/ca?${where}`, { TOKEN: bao.rootToken });
}

async function openKms(): Promise<HeldKey> {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  const moto = cleanUp.use(await startMoto());
  return await openKey(`aws-kms:alias/ca?region=eu-central-1&endpoint=${moto.endpoint}`, {});
}

function openKey(text: string, environment: Readonly<Record<string, string | undefined>>): Promise<HeldKey> {
  const context = holderContext({ environment, clock: systemClock }, true);
  return openHeldKey(readKeyReference(text, environment), context);
}

async function measure(holder: string, key: SigningKey): Promise<void> {
  await rate(key, 1, 0.5);
  const alone = await rate(key, 1, seconds);
  const together = await rate(key, 16, seconds);
  print(`| ${holder} | ${Math.round(alone)}/s | ${Math.round(together)}/s | ${(1000 / alone).toFixed(2)} |`);
}

async function rate(key: SigningKey, workers: number, time: number): Promise<number> {
  const tbs = new Uint8Array(size);
  const begun = systemClock.monotonic();
  const end = begun + time * 1000;
  let made = 0;
  const work = async (): Promise<void> => {
    while (systemClock.monotonic() < end) {
      await key.sign(tbs);
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return (made * 1000) / (systemClock.monotonic() - begun);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
