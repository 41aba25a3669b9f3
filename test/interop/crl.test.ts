import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { missing } from './missing.ts';
import { run } from './programs.ts';
import { openPublishedTown } from './published-town.ts';

const skip = missing('openssl', 'certtool');

test('I7 OpenSSL and GnuTLS read our CRLs, verify them, and refuse what they list', { skip }, async () => {
  await using published = await openPublishedTown();
  const { town, folder: cwd, intermediateId, rootId, url } = published;
  const good = await published.issue('good-bot');
  const bad = await published.issue('bad-bot');
  const { authority } = town.deployment;
  await authority.revoke({ serial: bad.serial, reason: 'laptop stolen' }, 'test');
  await published.fetchCrl(`/crl/${rootId}.crl`, 'root-crl');
  const openssl = (...words: string[]) => run('openssl', words, { cwd });

  // The full list.
  let text = '';
  for (let waited = 0; waited < 100 && !text.includes(bad.serial.toUpperCase()); waited++) {
    await published.fetchCrl(`/crl/${intermediateId}.crl`, 'full');
    text = (await openssl('crl', '-inform', 'DER', '-in', 'full.der', '-noout', '-text')).text;
  }
  assert.match(text, new RegExp(bad.serial.toUpperCase()));
  assert.doesNotMatch(text, new RegExp(good.serial.toUpperCase()));
  assert.match(text, /X509v3 CRL Number/);
  assert.match(text, /X509v3 Authority Key Identifier/);
  const signed = await openssl('crl', '-in', 'full.pem', '-CAfile', 'chain.pem', '-noout');
  assert.match(signed.text, /verify OK/);
  const gnutls = await run(
    'certtool',
    ['--verify-crl', '--load-ca-certificate', 'intermediate.pem', '--infile', 'full.pem'],
    { cwd },
  );
  assert.match(gnutls.text, /Verification output: Verified/);

  // Everything that the chain needs, the list of the root among it.
  const chain = ['-CAfile', 'root.pem', '-untrusted', 'intermediate.pem'];
  const lists = ['-CRLfile', 'full.pem', '-CRLfile', 'root-crl.pem'];
  const verify = (name: string, ...words: string[]) =>
    openssl('verify', '-x509_strict', ...chain, ...words, `${name}.pem`);
  const accepted = await verify('good-bot', '-crl_check_all', ...lists);
  assert.equal(accepted.code, 0, accepted.text);
  const refused = await verify('bad-bot', '-crl_check_all', ...lists);
  assert.match(refused.text, /certificate revoked/);

  // The part that the certificate names, fetched by OpenSSL itself from the listener.
  const named = await verify('good-bot', '-crl_check', '-crl_download');
  assert.equal(named.code, 0, named.text);
  assert.match((await verify('bad-bot', '-crl_check', '-crl_download')).text, /certificate revoked/);

  // The part that another certificate names says nothing about this one.
  const [der] = decodePem(good.cert, 'CERTIFICATE');
  const own = readCertificate(der ?? new Uint8Array()).crlUrls[0] ?? '';
  const other = own.endsWith('/0.crl') ? own.replace(/0\.crl$/, '1.crl') : own.replace(/\d+\.crl$/, '0.crl');
  await published.fetchCrl(other.slice(url.length), 'other');
  const foreign = await verify('good-bot', '-crl_check', '-CRLfile', 'other.pem');
  assert.match(foreign.text, /different CRL scope|unable to get certificate CRL/i);

  // GnuTLS knows it as well.
  const certtool = (name: string) =>
    run(
      'certtool',
      ['--verify', '--load-ca-certificate', 'chain.pem', '--load-crl', 'full.pem', '--infile', `${name}.pem`],
      { cwd },
    );
  assert.match((await certtool('good-bot')).text, /Verified\. The certificate is trusted/);
  assert.match((await certtool('bad-bot')).text, /revoked/i);
});
