import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { freshKey, openSigner } from './acme-signer.ts';
import { type AcmeTown, openAcmeTown } from './acme-town.ts';
import { missing } from './missing.ts';

const name = 'files.example.internal';
const needs = (...programs: readonly string[]) => ({ skip: missing(...programs) });

/** A town, a folder that goes away, and how to run a program in it that trusts the town's root. */
async function withPrograms(
  use: (at: AcmeTown, folder: string, run: (...words: readonly string[]) => Promise<string>) => Promise<void>,
): Promise<void> {
  await using at = await openAcmeTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-acme-'));
  const roots = join(folder, 'roots.pem');
  await writeFile(roots, at.roots);
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    REQUESTS_CA_BUNDLE: roots,
    LEGO_CA_CERTIFICATES: roots,
    SSL_CERT_FILE: roots,
    UACME_CHALLENGE_PATH: folder,
  };
  try {
    await use(at, folder, (...words) => ended(words, folder, env));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function ended(words: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  assert.equal(code, 0, `${words.join(' ')}\n${out}\n${errors}`);
  return out;
}

function leafOf(pem: string): ReturnType<typeof readCertificate> {
  const [der] = decodePem(pem, 'CERTIFICATE');
  assert.ok(der);
  const leaf = readCertificate(der);
  assert.deepEqual(leaf.uris, ['spiffe://example.internal/server/files']);
  assert.deepEqual(leaf.dnsNames, [name]);
  return leaf;
}

async function stateOf(at: AcmeTown, serial: string): Promise<string | undefined> {
  return (await at.town.deployment.authority.store.certificates.find(serial))?.state;
}

test('I3 certbot enrols, renews with another key and revokes, by account and by key', needs('certbot'), () =>
  withPrograms(async (at, folder, run) => {
    const { kid, hmacKey } = await at.key('files');
    const certbot = (...words: readonly string[]) =>
      run(
        'certbot',
        ...words,
        '--non-interactive',
        '--server',
        at.directory,
        '--config-dir',
        'config',
        '--work-dir',
        'work',
        '--logs-dir',
        'logs',
      );
    const standalone = [
      '--standalone',
      '--http-01-port',
      String(at.httpPort),
      '--http-01-address',
      '127.0.0.1',
    ];
    const account = [
      '--agree-tos',
      '-m',
      'ops@example.internal',
      '--eab-kid',
      kid,
      '--eab-hmac-key',
      hmacKey,
    ];
    await certbot('certonly', ...standalone, ...account, '-d', name);
    const live = join(folder, 'config/live', name);
    const read = () => readFile(join(live, 'fullchain.pem'), 'utf8');
    const first = leafOf(await read());
    await certbot('renew', '--force-renewal', '--no-random-sleep-on-renew');
    const second = leafOf(await read());
    assert.notEqual(second.serial, first.serial);
    assert.notDeepEqual(second.spki, first.spki);
    const key = await readFile(join(live, 'privkey.pem'), 'utf8');
    assert.ok(new X509Certificate(second.der).checkPrivateKey(createPrivateKey(key)));
    const [old = ''] = globSync(join(folder, 'config/archive', name, 'cert1.pem'));
    await certbot('revoke', '--cert-path', old, '--reason', 'superseded', '--no-delete-after-revoke');
    assert.equal(await stateOf(at, first.serial), 'revoked');
    const own = ['--cert-path', join(live, 'cert.pem'), '--key-path', join(live, 'privkey.pem')];
    await certbot('revoke', ...own, '--reason', 'keycompromise', '--no-delete-after-revoke');
    assert.equal(await stateOf(at, second.serial), 'revoked');
  }),
);

test('I3 lego enrols over http-01, renews over tls-alpn-01 and revokes', needs('lego'), () =>
  withPrograms(async (at, folder, run) => {
    const { kid, hmacKey } = await at.key('files');
    const lego = (...words: readonly string[]) =>
      run(
        'lego',
        '--server',
        at.directory,
        '--path',
        'lego',
        '--email',
        'ops@example.internal',
        '--accept-tos',
        '--eab',
        '--kid',
        kid,
        '--hmac',
        hmacKey,
        '--domains',
        name,
        ...words,
      );
    const read = (file: string) => readFile(join(folder, 'lego/certificates', `${file}.crt`), 'utf8');
    await lego('--http', '--http.port', `127.0.0.1:${at.httpPort}`, 'run');
    const first = leafOf(await read(name));
    await lego('--tls', '--tls.port', `127.0.0.1:${at.tlsPort}`, 'renew', '--no-random-sleep');
    // It takes the common name for the first of the names, and calls the file by it.
    const second = leafOf(await read('files'));
    assert.notEqual(second.serial, first.serial);
    await lego('revoke');
    assert.equal(await stateOf(at, first.serial), 'revoked');
    assert.equal(await stateOf(at, second.serial), 'issued');
  }),
);

test('I3 uacme enrols, changes the key of its account, renews and revokes', needs('uacme', 'unshare'), () =>
  withPrograms(async (at, folder, run) => {
    const { kid, hmacKey } = await at.key('files');
    await at.serveHttp(folder);
    // It trusts the authorities of the machine and no others: here it finds ours in their place.
    const bundle = '/etc/ssl/certs/ca-certificates.crt';
    const script = `mount --bind roots.pem ${bundle} && exec uacme "$@"`;
    const uacme = (...words: readonly string[]) =>
      run('unshare', '-rm', 'sh', '-c', script, 'sh', '-y', '-c', 'uacme', '-a', at.directory, ...words);
    const issue = ['-h', '/usr/share/uacme/uacme.sh', 'issue', name];
    const certificate = join(folder, 'uacme', name, 'cert.pem');
    await uacme('-e', `${kid}:${hmacKey}`, 'new', 'ops@example.internal');
    await uacme(...issue);
    const first = leafOf(await readFile(certificate, 'utf8'));
    await uacme('newkey');
    await uacme('-f', ...issue);
    const second = leafOf(await readFile(certificate, 'utf8'));
    assert.notEqual(second.serial, first.serial);
    await uacme('revoke', certificate);
    assert.equal(await stateOf(at, second.serial), 'revoked');
    await uacme('deactivate');
  }),
);

test(
  'I3 acme-tiny enrols and renews with an account of RSA that another client opened',
  needs('acme-tiny'),
  () =>
    withPrograms(async (at, folder, run) => {
      // acme-tiny knows no external accounts: the account is opened with its key beforehand.
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      await using signer = openSigner(at, privateKey);
      assert.equal((await signer.open(await at.key('files'))).status, 201);
      await writeFile(join(folder, 'account.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
      await at.serveHttp(folder);
      const serials: string[] = [];
      for (const _turn of ['enrol', 'renew']) {
        const csr = buildRequest(freshKey(), { commonName: name }, { dnsNames: [name] });
        await writeFile(join(folder, 'files.csr'), encodePem('CERTIFICATE REQUEST', csr));
        const chain = await run(
          'acme-tiny',
          '--account-key',
          'account.key',
          '--csr',
          'files.csr',
          '--acme-dir',
          folder,
          '--directory-url',
          at.directory,
          '--disable-check',
          '--quiet',
        );
        serials.push(leafOf(chain).serial);
      }
      assert.equal(new Set(serials).size, 2);
    }),
);
