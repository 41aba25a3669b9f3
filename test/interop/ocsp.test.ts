import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { readKeyFile } from '../../src/app/authority/signing-key-file.ts';
import { signRootCrl } from '../../src/ca/root-crl.ts';
import { signRootOcsp } from '../../src/ca/root-ocsp.ts';
import { signingKey } from '../../src/ca/signing-key.ts';
import { isOcspSignedBy, readOcspResponse } from '../../src/x509/ocsp-response.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { missing } from './missing.ts';
import { run } from './programs.ts';
import { openPublishedTown } from './published-town.ts';

const skip = missing('openssl', 'ocsptool');

test('I7 OpenSSL and GnuTLS ask our OCSP responder and believe it', { skip }, async () => {
  await using published = await openPublishedTown();
  const { town, folder: cwd, url } = published;
  await published.issue('good-bot');
  const bad = await published.issue('bad-bot');
  const held = await published.issue('held-bot');
  const { authority } = town.deployment;
  await authority.store.certificates.revoke(bad.serial, 'test', Date.now(), 'keyCompromise');
  await authority.store.certificates.revoke(held.serial, 'test', Date.now(), 'certificateHold');

  const openssl = async (name: string, ...more: string[]): Promise<string> => {
    const trust = ['-issuer', 'intermediate.pem', '-CAfile', 'chain.pem'];
    const said = await run(
      'openssl',
      ['ocsp', ...more, ...trust, '-cert', `${name}.pem`, '-url', `${url}/ocsp`],
      { cwd },
    );
    assert.match(said.text, /Response verify OK/);
    return said.text;
  };
  // With a nonce, as OpenSSL does by itself; without one; and under another hash.
  for (const more of [[], ['-no_nonce'], ['-sha256']]) {
    const good = await openssl('good-bot', ...more);
    assert.match(good, /good-bot\.pem: good/);
    assert.doesNotMatch(good, /WARNING: no nonce/);
    const revoked = await openssl('bad-bot', ...more);
    assert.match(revoked, /bad-bot\.pem: revoked[^]*Reason: keyCompromise/);
    assert.match(await openssl('held-bot', ...more), /held-bot\.pem: revoked[^]*Reason: certificateHold/);
  }
  const serial = await run(
    'openssl',
    [
      'ocsp',
      '-issuer',
      'intermediate.pem',
      '-CAfile',
      'chain.pem',
      '-serial',
      '0xabcdef',
      '-url',
      `${url}/ocsp`,
    ],
    { cwd },
  );
  assert.match(serial.text, /0xabcdef: unknown/);
  await authority.store.certificates.reinstate(held.serial);
  assert.match(await openssl('held-bot', '-no_nonce'), /held-bot\.pem: good/);

  // The octets that OpenSSL would post, by GET, and under conditions.
  await run(
    'openssl',
    ['ocsp', '-issuer', 'intermediate.pem', '-cert', 'good-bot.pem', '-no_nonce', '-reqout', 'request.der'],
    { cwd },
  );
  const request = await readFile(join(cwd, 'request.der'));
  const path = `/ocsp/${encodeURIComponent(request.toString('base64'))}`;
  const got = await published.get(path);
  assert.equal(got.headers.get('content-type'), 'application/ocsp-response');
  assert.match(got.headers.get('cache-control') ?? '', /^public, max-age=\d{1,2}, must-revalidate$/);
  await writeFile(join(cwd, 'response.der'), new Uint8Array(await got.arrayBuffer()));
  const again = await published.get(path, { 'if-none-match': got.headers.get('etag') ?? '' });
  assert.equal(again.status, 304);
  const tool = await run(
    'ocsptool',
    ['--verify-response', '--load-response', 'response.der', '--load-trust', 'chain.pem'],
    { cwd },
  );
  assert.match(tool.text, /Verifying OCSP Response: Success/);

  const ocsptool = (name: string): Promise<{ readonly text: string }> =>
    run(
      'ocsptool',
      [
        `--ask=${url}/ocsp`,
        '--nonce',
        '--load-cert',
        `${name}.pem`,
        '--load-issuer',
        'intermediate.pem',
        '--load-trust',
        'chain.pem',
      ],
      { cwd },
    );
  assert.match((await ocsptool('good-bot')).text, /Certificate Status: good[^]*Success/);
  assert.match((await ocsptool('bad-bot')).text, /Certificate Status: revoked/);
});

test('I7 OpenSSL and GnuTLS ask about the intermediate, and believe what the root said of it', {
  skip,
}, async () => {
  await using published = await openPublishedTown();
  const { town, folder: cwd, url } = published;
  const { authority } = town.deployment;
  const trust = ['-issuer', 'root.pem', '-CAfile', 'root.pem', '-cert', 'intermediate.pem'];
  const ask = async (...more: string[]): Promise<string> =>
    (await run('openssl', ['ocsp', ...more, ...trust, '-url', `${url}/ocsp`], { cwd })).text;
  for (const more of [[], ['-no_nonce'], ['-no_nonce', '-sha256']]) {
    const said = await ask(...more);
    assert.match(said, /Response verify OK/);
    assert.match(said, /intermediate\.pem: good/);
  }
  const asked = ['--load-cert', 'intermediate.pem', '--load-issuer', 'root.pem', '--load-trust', 'root.pem'];
  const tool = await run('ocsptool', [`--ask=${url}/ocsp`, ...asked], { cwd });
  assert.match(tool.text, /Certificate Status: good[^]*Success/);

  const root = authority.issuer.chain.at(-1);
  assert.ok(root);
  const { serial } = authority.issuer.certificate;
  const key = signingKey(await readKeyFile(town.data.rootKey, town.passphrase));
  const now = Date.now();
  const entries = [{ serial, revokedAt: now, reason: 'cACompromise' }] as const;
  const { der } = await signRootCrl({ root, now, number: 2, entries }, key);
  const ocsp = await signRootOcsp({ root, now, intermediates: [serial], entries }, key);
  // The list alone ends what was said before it.
  await authority.rootCrl.replace(der, 'test');
  assert.match(await ask('-no_nonce'), /unauthorized/);
  await authority.rootOcsp.keep(ocsp);
  const said = await ask('-no_nonce');
  assert.match(said, /Response verify OK/);
  assert.match(said, /intermediate\.pem: revoked[^]*Reason: cACompromise/);
});

test('I7 our listeners staple the answer about their own certificate, in TLS 1.3, for OpenSSL and Node', {
  skip,
}, async () => {
  await using published = await openPublishedTown();
  const { town, folder: cwd } = published;
  const { listeners } = town.deployment;
  const shown = await published.issue('ci-bot');
  for (const name of ['authority', 'people', 'agents']) {
    const { port = 0 } = listeners[name] ?? {};
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      requestOCSP: true,
      ca: shown.ca,
      cert: shown.cert,
      key: shown.key,
    });
    const staple = await new Promise<Buffer | null>((resolve, reject) => {
      socket.once('OCSPResponse', resolve).once('error', reject);
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    const own = readCertificate(new Uint8Array(socket.getPeerCertificate().raw));
    socket.destroy();
    const response = readOcspResponse(new Uint8Array(staple ?? []));
    assert.ok(typeof response === 'object', name);
    const [responder] = response.certificates;
    assert.ok(responder && isOcspSignedBy(response, readCertificate(responder).publicKey), name);
    assert.equal(response.answers[0]?.status.kind, 'good');
    const certId = Buffer.from(response.answers[0]?.certId ?? []).toString('hex');
    assert.ok(certId.endsWith(own.serial), `${name}: the answer is about the certificate that was shown`);
  }
  const people = `127.0.0.1:${listeners['people']?.port}`;
  const said = await run(
    'openssl',
    ['s_client', '-connect', people, '-servername', 'localhost', '-status', '-CAfile', 'root.pem'],
    { cwd },
  );
  assert.match(said.text, /OCSP Response Status: successful/);
  assert.match(said.text, /Cert Status: good/);
});
