import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeCbor } from '../../src/enrol/attest/attestation.fixture.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { attestationKeyExtensions, makeAttestationCa } from './attestation-ca.ts';
import { type SoftTpm, startSoftTpm } from './soft-tpm.ts';

const run = promisify(execFile);
const handles = { attestationKey: 0x81010001, key: 0x81010002 };

/** A device with a software TPM, whose maker certified its attestation key, as an ACME client on it would use it. */
export interface AttestedDevice extends AsyncDisposable {
  /** The maker's root, in PEM. */
  readonly roots: string;
  /** What answers device-attest-01, in base64url. */
  attest(keyAuthorization: string): Promise<string>;
  /** A request for the key of the TPM, signed in the TPM by OpenSSL, in base64url; `otherName` as a PermanentIdentifier. */
  csr(commonName: string, otherName?: string): Promise<string>;
}

/** Makes one called so by its maker. */
export async function openAttestedDevice(folder: string, name: string): Promise<AttestedDevice> {
  await using opened = new AsyncDisposableStack();
  const tpm = opened.use(await startSoftTpm(folder));
  await makeKeys(tpm);
  const ca = makeAttestationCa(folder, 'maker');
  const publicKey = await readFile(join(folder, 'attestation-key.pem'), 'utf8');
  const x5c = ca.issue({ publicKey, extensions: attestationKeyExtensions(name) });
  const pubArea = await tpm.publicArea(handles.key);
  const held = opened.move();
  return {
    roots: ca.roots,
    async attest(keyAuthorization) {
      const about = createHash('sha256').update(keyAuthorization).digest();
      const { certInfo, sig } = await tpm.certify(handles.key, handles.attestationKey, about);
      const attStmt = { ver: '2.0', alg: -7, sig, x5c: [...x5c], certInfo, pubArea };
      return writeCbor({ fmt: 'tpm', attStmt }).toString('base64url');
    },
    async csr(commonName, otherName = '') {
      const providers = [
        '-provider',
        'tpm2',
        '-provider',
        'default',
        '-propquery',
        '?provider=tpm2,tpm2.digest!=yes',
      ];
      const words = ['req', '-new', ...providers, '-key', `handle:0x${handles.key.toString(16)}`, '-sha256'];
      await writeFile(join(folder, 'req.cnf'), requestConfig(otherName));
      const { stdout } = await run(
        'openssl',
        [...words, '-config', 'req.cnf', '-subj', `/CN=${commonName}`],
        {
          cwd: folder,
          env: tpm.environment,
        },
      );
      const [der = new Uint8Array()] = decodePem(stdout, 'CERTIFICATE REQUEST');
      return Buffer.from(der).toString('base64url');
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function requestConfig(otherName: string): string {
  const head = ['[req]', 'distinguished_name = name'];
  const names = ['[asked]', 'subjectAltName = otherName:1.3.6.1.5.5.7.8.3;SEQUENCE:permanent'];
  const asked = otherName === '' ? [] : [...names, '[permanent]', `identifier = UTF8:${otherName}`];
  const wanted = otherName === '' ? [] : ['req_extensions = asked'];
  return [...head, ...wanted, '[name]', ...asked, ''].join('\n');
}

/** An attestation key that signs only what the TPM made, and a key for certificates, both for good. */
async function makeKeys(tpm: SoftTpm): Promise<void> {
  const held = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign';
  const make = async (parent: string, kind: string, attributes: string, file: string, handle: number) => {
    const parts = ['-u', `${file}.pub`, '-r', `${file}.priv`, '-c', file];
    await tpm.tool('create', '-Q', '-C', parent, '-G', kind, '-a', attributes, ...parts);
    await tpm.tool('evictcontrol', '-Q', '-C', 'o', '-c', file, `0x${handle.toString(16)}`);
  };
  await tpm.tool('createprimary', '-Q', '-C', 'e', '-G', 'ecc', '-c', 'endorsement');
  await make('endorsement', 'ecc256:ecdsa-sha256:null', `${held}|restricted`, 'ak', handles.attestationKey);
  await tpm.tool('createprimary', '-Q', '-C', 'o', '-G', 'ecc', '-c', 'storage');
  await make('storage', 'ecc256', held, 'key', handles.key);
  await tpm.tool('readpublic', '-Q', '-c', '0x81010001', '-f', 'pem', '-o', 'attestation-key.pem');
}
