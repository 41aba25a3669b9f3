import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { holdRegistration } from '../../src/app/compose/hold-registration.ts';
import { derOfBer } from '../../src/x509/ber.ts';
import { readEnvelopedData } from '../../src/x509/cms-enveloped-data.ts';
import { readSignedData } from '../../src/x509/cms-signed-data.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { missing } from './missing.ts';

const skip = missing('openssl', 'pki', 'scepclient', 'certmonger', 'getcert', 'dbus-run-session', 'curl');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

const deciderSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** A webhook that allows the challenge `right`, and forgets to sign about `unsigned`. */
async function openDecider(): Promise<AsyncDisposable & { readonly url: string }> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { challenge } = JSON.parse((await request.toArray()).join('')) as { readonly challenge: string };
    const body = JSON.stringify({ allow: challenge !== 'wrong', owner: 'mdm' });
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const mac = createHmac('sha256', Buffer.alloc(32, 7));
    mac.update(`${String(request.headers['webhook-id'])}.answer.${timestamp}.${body}`);
    const signature = challenge === 'unsigned' ? 'v1,' : `v1,${mac.digest('base64')}`;
    response.writeHead(200, { 'webhook-timestamp': timestamp, 'webhook-signature': signature }).end(body);
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/scep`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('I3 SCEP (RFC 8894) with clients of others', { skip, timeout: 90_000 }, () => {
  let folder = '';
  let town: Town;
  let url = '';
  const opened = new AsyncDisposableStack();
  const run = (program: string, ...words: readonly string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const env = { ...process.env, HOME: folder, SCEP_URL: url };
      execFile(program, words, { cwd: folder, timeout: 30_000, env }, (error, out, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, out, error: stderr });
      });
    });
  const done = async (program: string, ...words: readonly string[]): Promise<string> => {
    const { code, out, error } = await run(program, ...words);
    assert.equal(code, 0, `${program} ${words.join(' ')}: ${out} ${error}`);
    return out;
  };
  const token = async (name: string): Promise<string> => {
    const order = { name, kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
    return (await town.deployment.authority.createJoinToken(order, 'test')).token;
  };
  const file = (name: string): string => join(folder, name);
  const certificateIn = (name: string): X509Certificate => new X509Certificate(readFileSync(file(name)));
  /** Runs strongSwan's client, which says what it got on standard output in PEM. */
  const swan = (...words: readonly string[]): Promise<Ran> => {
    const sealed = ['--cacert-enc', 'ra.pem', '--cacert-sig', 'ra.pem'];
    const known = ['--cacert', 'root.pem', '--cacert', 'intermediate.pem', '--outform', 'pem'];
    return run('pki', '--scep', '--url', url, ...sealed, ...known, ...words);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-scep-'));
    // Switched on for scepclient, which has no more than DES; strongSwan and certmonger need none of it.
    const webhook = {
      url: opened.use(await openDecider()).url,
      secret: `file:${file('webhook.secret')}`,
      addresses: 'any',
    };
    writeFileSync(file('webhook.secret'), deciderSecret, { mode: 0o600 });
    const scep = { door: 'open', legacyCiphers: 'accepted', webhook };
    town = opened.use(await openTown({}, { authority: { scep } }));
    url = `${town.deployment.listeners['plain']?.url}/scep`;
    const [intermediate = '', root = ''] = town.deployment.authority.issuer.chain.map(({ der }) =>
      encodePem('CERTIFICATE', der),
    );
    writeFileSync(file('root.pem'), root);
    writeFileSync(file('intermediate.pem'), intermediate);
    for (const name of ['sswan', 'monger', 'micro', 'waiter', 'asker']) await town.addAgent(name);
    for (const key of ['a.key', 'b.key'])
      await done('openssl', 'genrsa', '-traditional', '-out', key, '2048');
  });
  after(async () => {
    await opened.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  });

  test('strongSwan: pki --scepca and pki --scep get the authorities, a certificate, the same one again, and the next one', async () => {
    await done('pki', '--scepca', '--url', url, '--caout', 'ca.pem', '--raout', 'ra.pem', '--outform', 'pem');
    assert.equal(certificateIn('ca.pem').fingerprint256, certificateIn('root.pem').fingerprint256);
    assert.deepEqual(certificateIn('ra.pem').keyUsage, ['1.3.6.1.5.5.7.3.28']);
    const secret = await token('sswan');
    const first = ['--in', 'a.key', '--dn', 'C=CH, O=Test, CN=sswan', '--password', secret];
    const enrolled = await swan(...first);
    assert.equal(enrolled.code, 0, enrolled.error);
    const leaf = new X509Certificate(enrolled.out);
    assert.equal(leaf.subjectAltName, 'URI:spiffe://example.internal/agent/sswan');
    assert.equal(new X509Certificate((await swan(...first)).out).serialNumber, leaf.serialNumber);
    writeFileSync(file('a.pem'), enrolled.out);

    const next = ['--in', 'b.key', '--dn', 'CN=sswan', '--cert', 'a.pem', '--key', 'a.key'];
    const renewed = await swan(...next, '--digest', 'sha512');
    assert.equal(renewed.code, 0, renewed.error);
    const successor = new X509Certificate(renewed.out);
    assert.equal(successor.subjectAltName, leaf.subjectAltName);
    assert.notEqual(successor.serialNumber, leaf.serialNumber);

    const used = await swan('--in', 'b.key', '--dn', 'CN=sswan', '--password', secret);
    assert.match(used.error, /badRequest/);
    const { authority } = town.deployment;
    await authority.revoke({ serial: leaf.serialNumber, reason: 'test' }, 'test');
    assert.match((await swan(...next)).error, /badRequest/);
  });

  test('certmonger gets a certificate by its helper scep-submit, and the next one for a new key with it', async () => {
    const secret = await token('monger');
    for (const name of ['requests', 'cas', 'local', 'tmp']) await mkdir(file(name));
    const script = `
      export CERTMONGER_REQUESTS_DIR=$PWD/requests CERTMONGER_CAS_DIR=$PWD/cas CERTMONGER_LOCAL_CA_DIR=$PWD/local CERTMONGER_TMPDIR=$PWD/tmp
      certmonger -s -n >certmonger.log 2>&1 & daemon=$!
      trap 'kill $daemon' EXIT
      for try in 1 2 3 4 5 6 7 8 9 10; do getcert list-cas -s >/dev/null 2>&1 && break; sleep 0.1; done
      getcert add-scep-ca -s -c Town -u "$SCEP_URL" -R "$PWD/root.pem"
      getcert request -s -c Town -I one -f "$PWD/m.pem" -k "$PWD/m.key" -N CN=monger -L "$1" -w
      cp m.pem m-first.pem
      getcert resubmit -s -i one -w
      getcert list -s | grep ca-error
      getcert rekey -s -i one -w
      getcert list -s`;
    const out = await done('dbus-run-session', '--', 'bash', '-c', script, 'bash', secret);
    assert.match(
      out,
      /ca-error: Transaction either is not permitted/,
      'not for the old key, and it is told so',
    );
    assert.match(out, /status: MONITORING/);
    const [leaf, next] = [certificateIn('m-first.pem'), certificateIn('m.pem')];
    assert.equal(leaf.subjectAltName, 'URI:spiffe://example.internal/agent/monger');
    assert.equal(next.subjectAltName, leaf.subjectAltName);
    assert.notEqual(
      next.publicKey.export({ format: 'pem', type: 'spki' }),
      leaf.publicKey.export({ format: 'pem', type: 'spki' }),
    );
  });

  test('strongSwan asks again, with CertPoll, until an administrator has granted its request', async () => {
    writeFileSync(town.data.issuance, 'approvals: [{ doors: [scep], names: [waiter] }]\n');
    const how = ['--in', 'a.key', '--dn', 'CN=waiter', '--interval', '1', '--maxpolltime', '20'];
    const enrolled = swan(...how, '--password', await token('waiter'));
    const { authority } = town.deployment;
    let id: string | undefined;
    for (let tries = 0; id === undefined && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      id = (await authority.store.approvals.list())[0]?.id;
    }
    const grant = { state: 'granted', by: 'grace', reason: null } as const;
    await authority.decide(id ?? '', grant);
    const { code, out, error } = await enrolled;
    assert.equal(code, 0, error);
    assert.match(error, /pending/i);
    assert.equal(new X509Certificate(out).subjectAltName, 'URI:spiffe://example.internal/agent/waiter');
  });

  test('a webhook decides about challenges that are no join tokens, with signed answers', async () => {
    const ask = (challenge: string): Promise<Ran> =>
      swan('--in', 'b.key', '--dn', 'CN=asker', '--password', challenge);
    for (const challenge of ['wrong', 'unsigned']) assert.match((await ask(challenge)).error, /badRequest/);
    const { code, out, error } = await ask('right');
    assert.equal(code, 0, error);
    assert.equal(new X509Certificate(out).subjectAltName, 'URI:spiffe://example.internal/agent/asker');
  });

  test('scepclient (micromdm), which has no more than DES, once that is switched on', async () => {
    const shown = certificateIn('ra.pem').fingerprint256.replaceAll(':', '').toLowerCase();
    const where = ['-server-url', url, '-ca-fingerprint', shown, '-private-key', 'b.key'];
    await done(
      'scepclient',
      ...where,
      '-certificate',
      'micro.pem',
      '-cn',
      'micro',
      '-challenge',
      await token('micro'),
    );
    assert.equal(certificateIn('micro.pem').subjectAltName, 'URI:spiffe://example.internal/agent/micro');
  });

  test('what openssl cms encrypts and signs in BER, with indefinite lengths, is read', async () => {
    writeFileSync(file('text'), 'x'.repeat(10_000));
    const how = ['-binary', '-in', 'text', '-outform', 'DER', '-stream'];
    await done('openssl', 'cms', '-encrypt', '-aes-256-cbc', ...how, '-out', 'sealed.ber', 'micro.pem');
    await done(
      'openssl',
      'cms',
      '-sign',
      '-nodetach',
      ...how,
      '-signer',
      'micro.pem',
      '-inkey',
      'b.key',
      '-out',
      'signed.ber',
    );
    const [sealed, signed] = [readFileSync(file('sealed.ber')), readFileSync(file('signed.ber'))];
    assert.deepEqual([sealed[1], signed[1]], [0x80, 0x80]);
    assert.equal(readEnvelopedData(derOfBer(sealed)).ciphertext.length, 10_016);
    assert.equal(readSignedData(derOfBer(signed)).content?.length, 10_000);
  });

  test('the registration authority goes on with its certificate, and has another at once when that is revoked', async () => {
    const { authority } = town.deployment;
    const shown = async (): Promise<string> => {
      const octets = Buffer.from(await (await fetch(`${url}?operation=GetCACert`)).arrayBuffer());
      writeFileSync(file('all.p7'), octets);
      const pem = await done('openssl', 'pkcs7', '-inform', 'DER', '-in', 'all.p7', '-print_certs');
      return new X509Certificate(pem.slice(pem.indexOf('-----BEGIN'))).serialNumber;
    };
    const before = await shown();
    assert.ok(authority.registrationKey);
    using again = await holdRegistration(authority.registrationKey, authority, () => undefined);
    assert.equal(new X509Certificate(again.current().certificate).serialNumber, before, 'as after a start');
    await authority.revoke({ serial: before, reason: 'test' }, 'test');
    let after = before;
    for (let tries = 0; after === before && tries < 50; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      after = await shown().catch(() => before);
    }
    assert.notEqual(after, before);
  });

  test('by GET, by POST, with an operation that is not there: HTTP says what SCEP cannot', async () => {
    const asked = (query: string, method = 'GET') => fetch(`${url}${query}`, { method });
    const capabilities = await (await asked('?operation=GetCACaps')).text();
    assert.match(
      capabilities,
      /^SHA-1\nSHA-256\n[\s\S]*AES\nDES3\nPOSTPKIOperation\nRenewal\nSCEPStandard\n$/,
    );
    assert.equal((await asked('?operation=GetNextCACert')).status, 404);
    assert.equal((await asked('')).status, 404);
    assert.equal((await asked('?operation=PKIOperation&message=AAAA')).status, 400);
    assert.equal((await asked('?operation=PKIOperation', 'POST')).status, 400);
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => (await asked('?operation=PKIOperation&message=AAAA')).status),
    );
    assert.deepEqual(new Set(statuses), new Set([400, 429]));
  });
});

test('I3 the SCEP door is closed unless it is opened, and no key is made for it', {
  timeout: 30_000,
}, async () => {
  await using town = await openTown();
  const { listeners, authority } = town.deployment;
  assert.equal((await fetch(`${listeners['plain']?.url}/scep?operation=GetCACaps`)).status, 404);
  assert.equal(authority.registrationKey, null);
});
