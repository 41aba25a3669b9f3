import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Authority } from '../../src/app/authority/authority.ts';
import { backUp } from '../../src/app/authority/backup.ts';
import { type DataFolder, dataFolder } from '../../src/app/authority/data-folder.ts';
import { initAuthority } from '../../src/app/authority/init-authority.ts';
import { openAuthority } from '../../src/app/authority/open-authority.ts';
import { keyReferenceFile, referenceIn } from '../../src/app/authority/signing-key-file.ts';
import { readKeyFile, writeKeyFile } from '../../src/ca/key-file.ts';
import { pemOfCertificate } from '../../src/ca/pem-of-certificate.ts';
import { signIntermediate } from '../../src/ca/sign-intermediate.ts';
import { signingKey } from '../../src/ca/signing-key.ts';
import { readRequestFile, requestFileOf } from '../../src/app/cli/intermediate-request.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { isFault } from '../contracts/is-fault.ts';

/** A real holder of keys, with what can happen to it. */
export interface HolderWorld extends AsyncDisposable {
  /** For keys that do not exist yet; whoever opens them may make them. */
  readonly intermediate: string;
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The same key with credentials that are not accepted. */
  withWrongCredentials(reference: string): Promise<string>;
  restoreCredentials(): Promise<void>;
  /** Makes the holder unreachable, and reachable again. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** Makes it hang: it takes requests and does not answer, until it comes back. */
  hang(): Promise<void>;
  /** Takes the key out of use, and puts it back. */
  disable(): Promise<void>;
  enable(): Promise<void>;
}

const passphrase = 'a passphrase of the test';
const trustDomain = 'example.internal';
/** Shorter than by default, so that what hangs is given up soon. */
const holderLimits = { attemptMilliseconds: 1_500, totalMilliseconds: 2_500, attempts: 3, concurrent: 16 };

/** The rows that every holder passes. `open` is called once; the rows share the world in their order. */
export function heldKeyContract(
  name: string,
  options: { readonly skip: string | false; readonly open: (folder: string) => Promise<HolderWorld> },
): void {
  test(`I8 ${name}: the authority signs with a key that never comes here`, {
    skip: options.skip,
  }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-held-'));
    await using cleanUp = new AsyncDisposableStack();
    cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
    const world = cleanUp.use(await options.open(join(folder, 'holder')));
    const data = dataFolder(join(folder, 'authority'));

    await t.test('init makes both keys there, and nothing of them lies in the data folder', async () => {
      await initWith(data, world, { intermediate: world.intermediate, root: world.root });
      for (const file of [data.intermediateKey, data.rootKey]) {
        const reference = referenceIn(await readFile(file));
        assert.match(reference ?? '', /^(vault|aws-kms|pkcs11):/);
      }
      const files = await allText(data.folder);
      // The first administrator's key, whose life is a day, is the only one that is not sealed.
      assert.deepEqual(
        files.filter(({ text }) => text.includes('PRIVATE KEY')).map(({ path }) => path),
        ['admin/key.pem'],
      );
      // Opening it costs half a second on purpose; here it is opened for every row.
      await writeKeyFile(data.auditKey, await readKeyFile(data.auditKey, passphrase), passphrase, 2);
    });

    await t.test('it opens again by what the folder says, and its certificates verify', async () => {
      await using authority = await open(data, world);
      const { certificate } = await issue(authority, 'files');
      verifyWithOpenssl(folder, data, certificate);
    });

    await t.test('forty certificates at once are all signed, each with its own serial', async () => {
      await using authority = await open(data, world);
      const made = await Promise.all(Array.from({ length: 40 }, (_, at) => issue(authority, `host-${at}`)));
      assert.equal(new Set(made.map(({ serial }) => serial)).size, 40);
    });

    await t.test(
      'while it is away nothing is issued, and once it is back everything works by itself',
      async () => {
        const lines: string[] = [];
        await using authority = await open(data, world, lines);
        await world.goAway();
        await assert.rejects(issue(authority, 'away'), isFault('unavailable'));
        assert.equal(lines.filter((line) => line.startsWith('The signing key cannot be used')).length, 1);
        await world.comeBack();
        await issue(authority, 'back');
        assert.equal(lines.at(-1), 'The signing key can be used again.');
        const states = (await authority.store.certificates.list({})).filter(({ name: of }) => of === 'away');
        assert.deepEqual(
          states.filter(({ state }) => state === 'issued'),
          [],
        );
      },
    );

    await t.test('a holder that hangs is not waited for longer than the limit', async () => {
      await using authority = await open(data, world);
      await world.hang();
      const before = systemClock.monotonic();
      await assert.rejects(issue(authority, 'slow'), isFault('unavailable'));
      assert.ok(systemClock.monotonic() - before < holderLimits.totalMilliseconds + 1_000);
      await world.comeBack();
      await issue(authority, 'quick');
    });

    await t.test(
      'an authority does not start while it is away, and says that trying again may help',
      async () => {
        await world.goAway();
        await assert.rejects(open(data, world), isFault('unavailable'));
        await world.comeBack();
      },
    );

    await t.test('a key taken out of use refuses, and works again once it is in use', async () => {
      await using authority = await open(data, world);
      await world.disable();
      await assert.rejects(issue(authority, 'disabled'), isFault('key_refused'));
      await world.enable();
      await issue(authority, 'enabled');
    });

    await t.test('wrong credentials are refused at the start', async () => {
      const reference = referenceIn(await readFile(data.intermediateKey)) ?? '';
      const other = await copyWith(data, await world.withWrongCredentials(reference));
      await assert.rejects(open(other, world), isFault('key_refused'));
      await world.restoreCredentials();
    });

    await t.test('another key than the one of the certificate is refused at the start', async () => {
      const root = referenceIn(await readFile(data.rootKey)) ?? '';
      const other = await copyWith(data, root);
      await assert.rejects(open(other, world), (error) => {
        assert.match(String(error), /not the one of the certificate/);
        return isFault('key_refused')(error);
      });
    });

    await t.test('a root made with openssl signs the intermediate whose key is held', async () => {
      const [certificate, key] = opensslRoot(folder);
      const imported = dataFolder(join(folder, 'imported'));
      const reference = referenceIn(await readFile(data.intermediateKey)) ?? '';
      await initWith(
        imported,
        world,
        { intermediate: reference, root: null },
        {
          certificate: await readFile(certificate, 'utf8'),
          key: { pem: await readFile(key, 'utf8'), passphrase: null },
        },
      );
      assert.ok(!(await readdir(imported.folder)).includes('root-key.json'));
      await using authority = await open(imported, world);
      verifyWithOpenssl(folder, imported, (await issue(authority, 'files')).certificate);
    });

    await t.test('a rotation leads from a held key to a file, and from there to a held key', async () => {
      const imported = dataFolder(join(folder, 'imported'));
      const reference = referenceIn(await readFile(imported.intermediateKey)) ?? '';
      const name = (): Promise<void> =>
        writeFile(imported.nextKey, keyReferenceFile(reference), { mode: 0o600 });
      {
        await using authority = await open(imported, world);
        await name();
        await assert.rejects(authority.rotation.request('test'), isFault('invalid_input'));
        await rm(imported.nextKey);
        await turnOver(authority, folder);
        assert.equal(referenceIn(await readFile(imported.intermediateKey)), null);
        await name();
        await turnOver(authority, folder);
        assert.equal(referenceIn(await readFile(imported.intermediateKey)), reference);
        assert.ok(!(await readdir(imported.folder)).includes('next-key.json'));
      }
      await using again = await open(imported, world);
      verifyWithOpenssl(folder, imported, (await issue(again, 'files')).certificate);
    });

    await t.test('a backup holds where the key is and not the key', async () => {
      const target = join(folder, 'backup');
      const made = await backUp(data, target, systemClock);
      assert.deepEqual(made.heldKeys.length, 2);
      assert.equal(
        await readFile(join(target, 'intermediate-key.json'), 'utf8'),
        await readFile(data.intermediateKey, 'utf8'),
      );
    });
  });
}

/** A whole rotation below the root that openssl made. */
async function turnOver({ rotation }: Authority, folder: string): Promise<void> {
  const order = readRequestFile(requestFileOf(await rotation.request('test')));
  const key = signingKey(createPrivateKey(await readFile(join(folder, 'old-root-key.pem'))));
  const { der } = await signIntermediate({ ...order, now: Date.now(), life: null }, key);
  await rotation.prepare({ certificate: pemOfCertificate(der) }, 'test');
  await rotation.activate({ force: false }, 'test');
  await rotation.retire({ force: true }, 'test');
}

export async function initWith(
  data: DataFolder,
  world: Pick<HolderWorld, 'environment'>,
  keys: { readonly root: string | null; readonly intermediate: string | null },
  imported: Parameters<typeof initAuthority>[0]['imported'] = null,
): Promise<void> {
  await initAuthority({
    data,
    trustDomain,
    organization: 'Test',
    dnsDomains: [],
    rootKeyFile: data.rootKey,
    imported,
    keys,
    environment: world.environment,
    passphrase: async () => passphrase,
    clock: systemClock,
  });
}

/** Opens an authority; what it logs about its signing key is added to `lines`. */
export function open(
  data: DataFolder,
  { environment }: Pick<HolderWorld, 'environment'>,
  lines: string[] = [],
): Promise<Authority> {
  const log = (line: string): void => {
    if (line.includes('signing key')) lines.push(line);
  };
  return openAuthority({
    data,
    passphrase: async () => passphrase,
    clock: systemClock,
    log,
    environment,
    holderLimits,
  });
}

/** Issues a server certificate. */
export async function issue(authority: Authority, name: string): ReturnType<Authority['issueFor']> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return await authority.issueFor(
    { name, kind: 'server', csr: csrOf(privateKey, name), dnsNames: [], ipAddresses: [] },
    'test',
  );
}

function csrOf(key: KeyObject, commonName: string): string {
  return encodePem('CERTIFICATE REQUEST', buildRequest(key, { commonName }));
}

/** A copy of the data folder whose intermediate is looked for elsewhere. */
export async function copyWith(data: DataFolder, reference: string): Promise<DataFolder> {
  const copy = dataFolder(`${data.folder}-copy`);
  await rm(copy.folder, { recursive: true, force: true });
  await cp(data.folder, copy.folder, { recursive: true });
  await writeFile(copy.intermediateKey, keyReferenceFile(reference), { mode: 0o600 });
  return copy;
}

function verifyWithOpenssl(folder: string, data: DataFolder, leaf: string): void {
  const file = join(folder, 'leaf.pem');
  execFileSync('tee', [file], { input: leaf, stdio: ['pipe', 'ignore', 'inherit'] });
  const output = execFileSync(
    'openssl',
    [
      'verify',
      '-purpose',
      'sslserver',
      '-CAfile',
      data.rootCertificate,
      '-untrusted',
      data.intermediateCertificate,
      file,
    ],
    { encoding: 'utf8' },
  );
  assert.match(output, /: OK/);
}

function opensslRoot(folder: string): readonly [string, string] {
  const [certificate, key] = [join(folder, 'old-root.pem'), join(folder, 'old-root-key.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '30',
      '-subj',
      '/CN=Old root',
      '-keyout',
      key,
      '-out',
      certificate,
    ],
    { stdio: 'ignore' },
  );
  return [certificate, key];
}

async function allText(folder: string): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        return { path: path.slice(folder.length + 1), text: await readFile(path, 'latin1') };
      }),
  );
}
