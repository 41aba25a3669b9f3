import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { addressRanges } from '../../http/address-guard.ts';
import { sha256, utf8 } from '../../kernel/bytes.ts';
import {
  algorithmIdentifier,
  assembleCertificate,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from '../../x509/build-certificate.ts';
import { boolean, explicit, objectIdentifier, octetString, sequence, smallInteger } from '../../x509/der.ts';

import { type AlternativeNames, extensionList, subjectAltName } from '../../x509/extensions.ts';
import { writeName } from '../../x509/name.ts';
import { encodePem } from '../../x509/pem.ts';
import { writeTime } from '../../x509/time.ts';
import type { StoredProblem } from './acme-records.ts';
import { type Attempt, type Outside, validateChallenge } from './validate-challenge.ts';

const keyAuthorization = 'token.thumbprint';
const signal = new AbortController().signal;
const host = 'files.example.internal';

const attempt = (changes: Partial<Attempt>): Attempt => ({
  challenge: 'http-01',
  identifier: { type: 'dns', value: host },
  token: 'token',
  keyAuthorization,
  ...changes,
});

function outside(port: number, changes: Partial<Outside> = {}): Outside {
  return {
    resolver: {
      lookup: (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
      texts: async () => [],
    },
    addressGuard: addressRanges(['loopback']),
    httpPort: port,
    tlsPort: port,
    ...changes,
  };
}

function typeOf(problem: StoredProblem | null): string | null {
  const type = problem?.['type'];
  return typeof type === 'string' ? type.replace('urn:ietf:params:acme:error:', '') : null;
}

async function overHttp(answer: RequestListener, changes: Partial<Outside> = {}): Promise<string | null> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    return typeOf(await validateChallenge(attempt({}), outside(port, changes), signal));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const answering =
  (status: number, body: string): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(body);

test('I3 http-01 takes the key authorization, with white space behind it, from its one place', async () => {
  assert.equal(await overHttp(answering(200, `${keyAuthorization} \n`)), null);
  let asked = '';
  await overHttp((request, response) => {
    asked = `${request.method} ${request.url} ${request.headers.host?.split(':')[0]}`;
    response.end(keyAuthorization);
  });
  assert.equal(asked, `GET /.well-known/acme-challenge/token ${host}`);
});

test('I3 http-01 takes nothing else: other text, another status, a redirect, a long page', async () => {
  assert.equal(await overHttp(answering(200, 'token.other')), 'incorrectResponse');
  assert.equal(await overHttp(answering(200, ` ${keyAuthorization}`)), 'incorrectResponse');
  assert.equal(await overHttp(answering(200, '')), 'incorrectResponse');
  assert.equal(await overHttp(answering(404, keyAuthorization)), 'unauthorized');
  assert.equal(await overHttp(answering(201, keyAuthorization)), 'unauthorized');
  assert.equal(await overHttp(answering(302, keyAuthorization)), 'unauthorized');
  assert.equal(
    await overHttp(answering(200, `${keyAuthorization}${' '.repeat(5_000)}`)),
    'incorrectResponse',
  );
});

test('law 8 no challenge reaches an address that is not allowed, also when one of several is', async () => {
  const refused: Partial<Outside> = { addressGuard: addressRanges(['public', 'private']) };
  let reached = false;
  const answer: RequestListener = (_request, response) => {
    reached = true;
    response.end(keyAuthorization);
  };
  assert.equal(await overHttp(answer, refused), 'unauthorized');
  const two = [
    { address: '127.0.0.1', family: 4 },
    { address: '169.254.169.254', family: 4 },
  ];
  const resolver: Outside['resolver'] = {
    lookup: (_name, _options, callback) => callback(null, two),
    texts: async () => [],
  };
  assert.equal(await overHttp(answer, { resolver }), 'unauthorized');
  const literal = attempt({ identifier: { type: 'ip', value: '127.0.0.1' } });
  assert.equal(typeOf(await validateChallenge(literal, outside(1, refused), signal)), 'unauthorized');
  const tls = { ...literal, challenge: 'tls-alpn-01' } as const;
  assert.equal(typeOf(await validateChallenge(tls, outside(1, refused), signal)), 'unauthorized');
  assert.equal(reached, false);
});

test('I3 nobody there is a problem of the connection, no record one of the zone', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  assert.equal(typeOf(await validateChallenge(attempt({}), outside(port), signal)), 'connection');
  const zone = attempt({ challenge: 'dns-01' });
  assert.equal(typeOf(await validateChallenge(zone, outside(port), signal)), 'dns');
  const wrong: Outside['resolver'] = { ...outside(1).resolver, texts: async () => ['x', keyAuthorization] };
  const found = await validateChallenge(zone, outside(port, { resolver: wrong }), signal);
  assert.equal(typeOf(found), 'incorrectResponse');
});

const onlyHost: AlternativeNames = { uris: [], dnsNames: [host], ipAddresses: [] };

/** A certificate that answers a tls-alpn-01 challenge, or departs from one. */
function alpnCertificate(
  key: KeyObject,
  { names = onlyHost, critical = true, digest = sha256(keyAuthorization), signer = key } = {},
): string {
  const identifier = sequence(
    objectIdentifier('1.3.6.1.5.5.7.1.31'),
    ...(critical ? [boolean(true)] : []),
    octetString(octetString(digest)),
  );
  const algorithm = signatureAlgorithmFor(signer);
  const name = writeName({ commonName: 'challenge' });
  const tbs = sequence(
    explicit(0, smallInteger(2)),
    smallInteger(1),
    algorithmIdentifier(algorithm),
    name,
    sequence(writeTime(Date.UTC(2026, 0)), writeTime(Date.UTC(2046, 0))),
    name,
    spkiOf(key),
    explicit(3, extensionList([subjectAltName(names), identifier])),
  );
  return encodePem('CERTIFICATE', assembleCertificate(tbs, algorithm, signTbs(tbs, signer)));
}

async function overTls(
  changes: Parameters<typeof alpnCertificate>[1] = {},
  protocols = ['acme-tls/1'],
): Promise<string | null> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = createTlsServer({
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: alpnCertificate(privateKey, changes),
    ALPNProtocols: protocols,
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    return typeOf(await validateChallenge(attempt({ challenge: 'tls-alpn-01' }), outside(port), signal));
  } finally {
    server.close();
  }
}

test('I3 tls-alpn-01 takes a self-signed certificate for the one name with the digest, and nothing else', async () => {
  assert.equal(await overTls(), null);
  const names = { uris: [], dnsNames: [host], ipAddresses: [] };
  assert.equal(await overTls({ names: { ...names, dnsNames: ['other.internal'] } }), 'incorrectResponse');
  assert.equal(await overTls({ names: { ...names, dnsNames: [host, 'b.internal'] } }), 'incorrectResponse');
  assert.equal(await overTls({ names: { ...names, ipAddresses: ['10.0.0.1'] } }), 'incorrectResponse');
  assert.equal(await overTls({ names: { ...names, uris: ['https://x'] } }), 'incorrectResponse');
  assert.equal(await overTls({ critical: false }), 'incorrectResponse');
  assert.equal(await overTls({ digest: sha256('other') }), 'incorrectResponse');
  assert.equal(await overTls({ digest: utf8('short') }), 'incorrectResponse');
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  assert.equal(await overTls({ signer: stranger }), 'incorrectResponse');
  // A server that speaks HTTP at the port, and answers for the name, has not agreed to anything.
  assert.equal(await overTls({}, ['http/1.1']), 'tls');
  assert.equal(await overTls({}, []), 'tls');
});
