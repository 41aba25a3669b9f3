import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { encodePem } from '../../src/x509/pem.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { missing } from './missing.ts';

const skip = missing('curl', 'openssl', 'pki');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs a program in the folder of the test. */
function run(folder: string, program: string, ...words: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, STRONGSWAN_CONF: join(folder, 'strongswan.conf') };
    execFile(program, words, { cwd: folder, timeout: 20_000, env }, (error, out, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out, error: stderr });
    });
  });
}

describe('I3 EST (RFC 7030) with clients of others', { skip }, () => {
  let folder = '';
  let town: Town;
  const opened = new AsyncDisposableStack();
  const est = (operation: string): string => `${town.authorityUrl}/.well-known/est/${operation}`;
  const token = async (name: string): Promise<string> => {
    const order = { name, kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
    return (await town.deployment.authority.createJoinToken(order, 'test')).token;
  };
  /** A key and a request in DER, as openssl makes them. */
  const request = async (file: string, subject: string): Promise<void> => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const out = ['-keyout', `${file}.key`, '-out', `${file}.req`, '-outform', 'DER'];
    const made = await run(folder, 'openssl', 'req', '-new', ...curve, ...out, '-subj', subject);
    assert.equal(made.code, 0, made.error);
  };
  /** What curl says to a request in base64. */
  const post = async (operation: string, file: string, ...words: readonly string[]): Promise<Ran> => {
    const body = readFileSync(join(folder, `${file}.req`)).toString('base64');
    writeFileSync(join(folder, `${file}.b64`), body.replace(/(.{64})/g, '$1\n'));
    const data = ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${file}.b64`];
    const how = ['-sS', '--cacert', 'root.pem', '-w', '\n%{http_code}', ...data, ...words];
    return await run(folder, 'curl', ...how, est(operation));
  };
  /** The certificates of an answer, as openssl reads them. */
  const certificatesIn = async (answer: string): Promise<readonly X509Certificate[]> => {
    writeFileSync(join(folder, 'answer.p7'), Buffer.from(answer, 'base64'));
    const read = await run(folder, 'openssl', 'pkcs7', '-inform', 'DER', '-in', 'answer.p7', '-print_certs');
    assert.equal(read.code, 0, read.error);
    const blocks = read.out.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return blocks.map((pem) => new X509Certificate(pem));
  };
  const parts = ({ out }: Ran): { readonly body: string; readonly status: string } => {
    const at = out.lastIndexOf('\n');
    return { body: out.slice(0, at), status: out.slice(at + 1) };
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-est-'));
    town = opened.use(await openTown());
    const { issuer } = town.deployment.authority;
    const [intermediate = '', root = ''] = issuer.chain.map(({ der }) => encodePem('CERTIFICATE', der));
    writeFileSync(join(folder, 'root.pem'), root);
    writeFileSync(join(folder, 'intermediate.pem'), intermediate);
    // Left alone, strongSwan offers no more than TLS 1.2.
    writeFileSync(join(folder, 'strongswan.conf'), 'libtls { version_max = 1.3 }\n');
    for (const name of ['ci-bot', 'sswan', 'other']) await town.addAgent(name);
  });
  after(async () => {
    await opened.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  });

  test('cacerts gives anybody the root and what leads to it', async () => {
    const { out } = await run(folder, 'curl', '-sS', '--cacert', 'root.pem', '-D', 'head', est('cacerts'));
    const [root, intermediate, ...more] = await certificatesIn(out);
    assert.equal(root?.ca && root.checkIssued(root), true);
    assert.equal(root && intermediate?.checkIssued(root), true);
    assert.deepEqual(more, []);
    const head = readFileSync(join(folder, 'head'), 'utf8');
    assert.match(head, /^content-type: application\/pkcs7-mime\r$/im);
    assert.match(head, /^content-transfer-encoding: base64\r$/im);
  });

  test('csrattrs asks for a key on P-256, as openssl reads it', async () => {
    const { out } = await run(folder, 'curl', '-sS', '--cacert', 'root.pem', est('csrattrs'));
    writeFileSync(join(folder, 'attributes'), Buffer.from(out, 'base64'));
    const read = await run(folder, 'openssl', 'asn1parse', '-inform', 'DER', '-in', 'attributes');
    assert.match(read.out, /id-ecPublicKey[\s\S]*SET[\s\S]*prime256v1[\s\S]*ecdsa-with-SHA256/);
  });

  test('curl and openssl: a join token as password gives the certificate, once; the certificate gives the next', async () => {
    await request('first', '/CN=ci-bot');
    const secret = await token('ci-bot');
    const enrolled = parts(await post('simpleenroll', 'first', '-u', `ci-bot:${secret}`));
    assert.equal(enrolled.status, '200', enrolled.body);
    const [leaf, ...more] = await certificatesIn(enrolled.body);
    assert.deepEqual(more, []);
    assert.equal(leaf?.subjectAltName, 'URI:spiffe://example.internal/agent/ci-bot');
    writeFileSync(join(folder, 'first.pem'), leaf.toString());

    const again = parts(await post('simpleenroll', 'first', '-u', `ci-bot:${secret}`));
    assert.equal(again.status, '401');
    assert.match(again.body, /"code":"join_token_invalid"/);

    await request('second', '/CN=ci-bot');
    const shown = ['--cert', 'first.pem', '--key', 'first.key'];
    const renewed = parts(await post('simplereenroll', 'second', ...shown));
    assert.equal(renewed.status, '200', renewed.body);
    const [next] = await certificatesIn(renewed.body);
    assert.equal(next?.subjectAltName, leaf.subjectAltName);
    assert.notEqual(next.serialNumber, leaf.serialNumber);

    await request('foreign', '/CN=other');
    const foreign = parts(await post('simplereenroll', 'foreign', ...shown));
    assert.equal(foreign.status, '400');
    assert.match(foreign.body, /names \\?"other\\?", but this enrolment is for ci-bot/);
  });

  test('who shows no credential, another’s or none that counts is asked for one, and a slip costs no token', async () => {
    await request('slip', '/CN=ci-bot');
    const secret = await token('ci-bot');
    const bare = parts(await post('simpleenroll', 'slip', '-D', 'head'));
    assert.equal(bare.status, '401');
    assert.match(readFileSync(join(folder, 'head'), 'utf8'), /^www-authenticate: Basic realm=/im);
    const wrong = [
      ['ci-bot:nothing', '401'],
      [`other:${secret}`, '400'],
    ] as const;
    for (const [user, status] of wrong)
      assert.equal(parts(await post('simpleenroll', 'slip', '-u', user)).status, status, user);
    const right = parts(await post('simpleenroll', 'slip', '-u', `ci-bot:${secret}`));
    assert.equal(right.status, '200', right.body);
    assert.equal(parts(await post('simplereenroll', 'slip')).status, '401');
  });

  test('a key is never made here, and what is no request is refused as such', async () => {
    await request('keygen', '/CN=ci-bot');
    const made = parts(await post('serverkeygen', 'keygen'));
    assert.equal(made.status, '403');
    assert.match(made.body, /A key is made where it is used/);
    writeFileSync(join(folder, 'garbage.req'), 'this is no request');
    const secret = await token('ci-bot');
    const garbage = parts(await post('simpleenroll', 'garbage', '-u', `ci-bot:${secret}`));
    assert.equal(garbage.status, '400', garbage.body);
    const typed = ['-H', 'Content-Type: text/plain', '--data-binary', '@keygen.b64'];
    const how = ['-sS', '--cacert', 'root.pem', '-u', `ci-bot:${secret}`, ...typed];
    assert.match((await run(folder, 'curl', ...how, est('simpleenroll'))).out, /"code":"media_type"/);
    assert.equal(
      parts(await post('simpleenroll', 'keygen', '-u', `ci-bot:${secret}`)).status,
      '200',
      'the token was not used up',
    );
  });

  test('strongSwan: pki --estca and pki --est get the roots, a certificate and the next one', async () => {
    const made = await run(
      folder,
      'openssl',
      'ecparam',
      '-name',
      'prime256v1',
      '-genkey',
      '-noout',
      '-out',
      'a.key',
    );
    assert.equal(made.code, 0, made.error);
    await run(folder, 'openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'b.key');
    const requestWith = async (key: string): Promise<string> => {
      const how = ['--req', '--type', 'ecdsa', '--in', key, '--dn', 'CN=sswan', '--outform', 'der'];
      const words = how.map((word) => `'${word}'`).join(' ');
      const { code, error } = await run(folder, 'sh', '-c', `pki ${words} > ${key}.req`);
      assert.equal(code, 0, error);
      return `${key}.req`;
    };
    const first = ['--in', await requestWith('a.key'), '--userpass', `sswan:${await token('sswan')}`];
    const how = ['--est', '--url', town.authorityUrl, '--cacert', 'root.pem', '--outform', 'pem'];
    const enrolled = await run(folder, 'pki', ...how, '--cacert', 'intermediate.pem', ...first);
    assert.equal(enrolled.code, 0, enrolled.error);
    const leaf = new X509Certificate(enrolled.out);
    assert.equal(leaf.subjectAltName, 'URI:spiffe://example.internal/agent/sswan');
    writeFileSync(join(folder, 'a.pem'), enrolled.out);

    const next = ['--in', await requestWith('b.key'), '--cert', 'a.pem', '--key', 'a.key'];
    const renewed = await run(folder, 'pki', ...how, '--cacert', 'intermediate.pem', ...next);
    assert.equal(renewed.code, 0, renewed.error);
    assert.notEqual(new X509Certificate(renewed.out).serialNumber, leaf.serialNumber);
  });
});
