import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { readCrl } from '../../src/x509/crl.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { openPublishedTown } from '../interop/published-town.ts';
import { openTown } from './deployment.ts';

test('I7 a revocation is on the full list and on the part that the certificate names within a second', async (context) => {
  await using published = await openPublishedTown();
  let slowest = 0;
  for (let round = 0; round < 5; round++) {
    const shown = await published.issue(`bot-${round}`);
    const [der] = decodePem(shown.cert, 'CERTIFICATE');
    const [named = ''] = readCertificate(der ?? new Uint8Array()).crlUrls;
    const full = `/crl/${published.intermediateId}.crl`;
    const lists = async (path: string): Promise<boolean> => {
      const response = await published.get(path);
      const crl = readCrl(new Uint8Array(await response.arrayBuffer()));
      return crl.entries.some(({ serial }) => serial === shown.serial);
    };
    assert.equal(await lists(full), false);
    const began = performance.now();
    await published.town.deployment.authority.revoke({ serial: shown.serial, reason: 'test' }, 'test');
    for (const path of [full, named.slice(published.url.length)]) {
      while (!(await lists(path))) assert.ok(performance.now() - began < 5_000);
    }
    slowest = Math.max(slowest, performance.now() - began);
  }
  context.diagnostic(`slowest of five: ${slowest.toFixed(0)} ms`);
  assert.ok(slowest < 1_000);
});

test('I7 CRLs and CA certificates come with their media types, and a copy that is still good is not sent again', async () => {
  await using published = await openPublishedTown();
  const { intermediateId, rootId, get } = published;
  const list = await get(`/crl/${intermediateId}.crl`);
  assert.equal(list.headers.get('content-type'), 'application/pkix-crl');
  assert.match(list.headers.get('cache-control') ?? '', /^public, max-age=\d{1,2}, must-revalidate$/);
  const { thisUpdate, nextUpdate } = readCrl(new Uint8Array(await list.arrayBuffer()));
  assert.equal(Date.parse(list.headers.get('last-modified') ?? ''), thisUpdate);
  assert.equal(Date.parse(list.headers.get('expires') ?? ''), nextUpdate);
  const tag = list.headers.get('etag') ?? '';
  const again = await get(`/crl/${intermediateId}.crl`, { 'if-none-match': tag });
  assert.equal(again.status, 304);
  assert.equal((await again.arrayBuffer()).byteLength, 0);
  assert.equal((await get(`/crl/${intermediateId}.crl`, { 'if-none-match': '"other"' })).status, 200);

  for (const id of [intermediateId, rootId]) {
    const certificate = await get(`/ca/${id}.cer`);
    assert.equal(certificate.headers.get('content-type'), 'application/pkix-cert');
    const { subjectKeyId } = readCertificate(new Uint8Array(await certificate.arrayBuffer()));
    assert.equal(subjectKeyId, id);
  }
  const root = readCrl(new Uint8Array(await (await get(`/crl/${rootId}.crl`)).arrayBuffer()));
  assert.deepEqual([root.number, root.entries.length], [1, 0]);
  assert.match(await (await get('/ca.pem')).text(), /BEGIN CERTIFICATE/);
});

test('bad input: the plain listener has no list for another issuer, part or number of parts, and no other method', async () => {
  await using published = await openPublishedTown();
  const { intermediateId: id, get, url } = published;
  const unknown = 'ab'.repeat(20);
  const paths = [
    `/crl/${unknown}.crl`,
    `/crl/${id}/16/16.crl`,
    `/crl/${id}/8/1.crl`,
    `/crl/${unknown}/16/1.crl`,
  ];
  for (const path of [...paths, `/ca/${unknown}.cer`, '/crl/', '/v1/trust', '/crl/../ca.pem%00']) {
    const response = await get(path);
    assert.equal(response.status, 404, path);
  }
  const posted = await fetch(`${url}/crl/${id}.crl`, { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET']);
});

test('I7 without a public URL certificates name nothing, and the full list is served all the same', async () => {
  await using town = await openTown();
  await town.addAgent('ci-bot');
  const [der] = decodePem((await town.issue('ci-bot')).cert, 'CERTIFICATE');
  const leaf = readCertificate(der ?? new Uint8Array());
  assert.deepEqual([leaf.crlUrls, leaf.ocspUrls, leaf.issuerUrls], [[], [], []]);
  const { plain } = town.deployment.listeners;
  const list = await fetch(`${plain?.url}/crl/${leaf.authorityKeyId}.crl`);
  assert.equal(readCrl(new Uint8Array(await list.arrayBuffer())).urls, null);
});

test('I7 the plain listener speaks HTTP/1.0 as well, ends the connection behind its answer, and takes no coding in it', async () => {
  await using published = await openPublishedTown();
  const path = `/crl/${published.intermediateId}.crl`;
  const list = new Uint8Array(await (await published.get(path)).arrayBuffer());
  const answer = await raw(published.url, `GET ${path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n`);
  assert.match(answer.toString('latin1'), /^HTTP\/1\.1 200 OK\r\n/);
  assert.deepEqual(new Uint8Array(answer.subarray(-list.length)), list);
  const coded = 'POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  assert.match((await raw(published.url, coded)).toString('latin1'), /^HTTP\/1\.1 400 /);
  const people = published.town.deployment.listeners['ops']?.url ?? '';
  const elsewhere = await raw(people, 'GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n');
  assert.match(elsewhere.toString('latin1'), /^HTTP\/1\.1 505 /);
});

/** Sends octets and returns all that comes until the other side ends. */
async function raw(url: string, request: string): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
