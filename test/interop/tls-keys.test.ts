import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type ConnectionOptions, createServer, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { createFixtureAuthority, fixtureMaterial } from '../../src/http/tls.fixture.ts';
import { tlsServerOptions } from '../../src/http/tls-options.ts';
import { keyIdentifier, spkiOf } from '../../src/x509/build-certificate.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { bitString, explicit, objectIdentifier, sequence, smallInteger } from '../../src/x509/der.ts';
import {
  basicConstraints,
  extendedKeyUsage,
  extensionList,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import { writeName } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { checkPublicKey } from '../../src/x509/public-key.ts';
import { writeTime } from '../../src/x509/time.ts';
import { isFault } from '../contracts/is-fault.ts';
import { missing } from './missing.ts';
import { startSoftTpm } from './soft-tpm.ts';

test('I8 a listener of ours and a client that asks for nothing agree on X25519MLKEM768', async () => {
  const authority = createFixtureAuthority('Root');
  const material = fixtureMaterial(authority);
  const options = tlsServerOptions({ material, clientCertificate: 'never', minimumVersion: 'TLSv1.3' });
  const seen = await greet(options, { ca: authority.certificate, servername: 'localhost' });
  assert.equal(seen.group, 'X25519MLKEM768');
});

test('I8 Node verifies an ML-DSA hierarchy in TLS 1.3, both ways; what the authority issues it is not', async () => {
  const root = mlDsa('Root', null, 'ml-dsa-65');
  const server = mlDsa('server', root, 'ml-dsa-65');
  const client = mlDsa('client', root, 'ml-dsa-44');
  const stranger = mlDsa('stranger', mlDsa('Root', null, 'ml-dsa-65'), 'ml-dsa-44');
  const options = { key: server.pem, cert: server.certificate, ca: root.certificate, requestCert: true };
  const trusting = { ca: root.certificate, servername: 'localhost' };
  const seen = await greet(options, { ...trusting, key: client.pem, cert: client.certificate });
  assert.deepEqual(seen, { group: 'X25519MLKEM768', authorized: true, peer: 'client' });
  await assert.rejects(greet(options, { ...trusting, key: stranger.pem, cert: stranger.certificate }));
  // What an identity of ours may be is a list of kinds, and ML-DSA is not on it.
  assert.throws(() => checkPublicKey(readCertificate(client.der).publicKey), isFault('key_unacceptable'));
});

const [provider = ''] = globSync('/usr/lib/*/ossl-modules/tpm2.so');

test('I8 the TLS client of Node signs with a key of a TPM through an OpenSSL provider that its configuration names', {
  skip: missing('swtpm', 'openssl') || (provider !== '' ? false : 'tpm2-openssl is not installed here'),
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-tpm-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
  const tpm = cleanUp.use(await startSoftTpm(folder));
  const at = (name: string): string => join(folder, name);
  const openssl = async (...words: readonly string[]): Promise<unknown> =>
    await run('openssl', words, { env: tpm.environment });
  await openssl(
    'genpkey',
    '-provider',
    'tpm2',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'group:P-256',
    '-out',
    at('key'),
  );
  const both = ['-provider', 'tpm2', '-provider', 'default'];
  await openssl(
    'req',
    ...both,
    '-x509',
    '-key',
    at('key'),
    '-subj',
    '/CN=tpm-agent',
    '-out',
    at('certificate'),
  );
  await writeFile(at('openssl.cnf'), providerConfig);
  const { certificate: cert, key } = fixtureMaterial(createFixtureAuthority('Root'));
  const ca = await readFile(at('certificate'));
  const port = await serve({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, cleanUp);
  const client = (...options: readonly string[]): ReturnType<typeof run> => {
    const words = [
      ...options,
      '--input-type=module',
      '-e',
      tpmClient,
      String(port),
      at('key'),
      at('certificate'),
    ];
    return run(process.execPath, words, { env: tpm.environment, timeout: 20_000 });
  };
  const { stdout } = await client(`--openssl-config=${at('openssl.cnf')}`);
  assert.match(String(stdout), /"authorized":true,"peer":"tpm-agent"/);
  // The file alone is worth nothing: it is sealed to the TPM.
  await assert.rejects(client());
});

const run = promisify(execFile);

// Keys are decoded by the provider, and signatures fetched from it first; random numbers stay with OpenSSL's own
// generator, without which Node waits for the provider's for ever.
const providerConfig = `nodejs_conf = libraries
[libraries]
providers = provider_list
alg_section = algorithms
random = random_numbers
[provider_list]
default = default_provider
tpm2 = tpm2_provider
[default_provider]
activate = 1
[tpm2_provider]
module = ${provider}
activate = 1
[algorithms]
default_properties = ?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes
[random_numbers]
random = CTR-DRBG
properties = provider=default
seed = SEED-SRC
seed_properties = provider=default
`;

const tpmClient = `
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
const [port, key, certificate] = process.argv.slice(1);
const socket = connect({
  host: '127.0.0.1', port: Number(port), rejectUnauthorized: false,
  key: readFileSync(key), cert: readFileSync(certificate),
});
let text = '';
for await (const part of socket) text += part;
console.log(text);
`;

interface MlDsa {
  readonly key: KeyObject;
  readonly pem: string;
  readonly der: Uint8Array;
  readonly certificate: string;
  readonly name: string;
}

/** RFC 9881: the algorithm identifiers of ML-DSA have no parameters. */
const oids = { 'ml-dsa-44': '2.16.840.1.101.3.4.3.17', 'ml-dsa-65': '2.16.840.1.101.3.4.3.18' } as const;

function mlDsa(name: string, issuer: MlDsa | null, kind: keyof typeof oids): MlDsa {
  const { privateKey: key, publicKey } = generateKeyPairSync(kind);
  const signer = issuer?.key ?? key;
  const algorithm = sequence(
    objectIdentifier(oids[signer.asymmetricKeyType === 'ml-dsa-44' ? 'ml-dsa-44' : 'ml-dsa-65']),
  );
  const spki = spkiOf(publicKey);
  const leaf = [
    keyUsage(['digitalSignature']),
    extendedKeyUsage(['clientAuth', 'serverAuth']),
    subjectAltName({ uris: [], dnsNames: ['localhost'], ipAddresses: [] }),
  ];
  const tbs = sequence(
    explicit(0, smallInteger(2)),
    smallInteger(issuer ? 2 : 1),
    algorithm,
    writeName({ commonName: issuer?.name ?? name }),
    sequence(writeTime(Date.now() - 60_000), writeTime(Date.now() + 86_400_000)),
    writeName({ commonName: name }),
    spki,
    explicit(
      3,
      extensionList([
        basicConstraints(issuer === null, null),
        ...(issuer ? leaf : [keyUsage(['keyCertSign'])]),
        subjectKeyIdentifier(keyIdentifier(spki)),
      ]),
    ),
  );
  const der = sequence(tbs, algorithm, bitString(sign(null, tbs, signer)));
  return {
    key,
    name,
    der,
    certificate: encodePem('CERTIFICATE', der),
    pem: key.export({ type: 'pkcs8', format: 'pem' }),
  };
}

interface Seen {
  readonly group: string;
  readonly authorized: boolean;
  readonly peer: string | undefined;
}

/** One connection; what the server saw of the client, and the group that both agreed on. */
async function greet(server: TlsOptions, client: ConnectionOptions): Promise<Seen> {
  await using cleanUp = new AsyncDisposableStack();
  const socket = connect({ ...client, host: '127.0.0.1', port: await serve(server, cleanUp) });
  await once(socket, 'secureConnect');
  const { name: group = '' } = socket.getEphemeralKeyInfo() as { name?: string };
  let text = '';
  for await (const part of socket) text += String(part);
  return { group, ...(JSON.parse(text) as Omit<Seen, 'group'>) };
}

/** A server that tells each client what it saw of it; its port. */
async function serve(options: TlsOptions, cleanUp: AsyncDisposableStack): Promise<number> {
  const listener = createServer(options, (socket) => {
    socket.on('error', () => undefined);
    const { subject } = socket.getPeerCertificate();
    socket.end(JSON.stringify({ authorized: socket.authorized, peer: subject?.CN }));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  cleanUp.defer(() => void listener.close());
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
