import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePem } from '../../src/x509/pem.ts';

/** What a certificate of a maker says: sections of OpenSSL's extension files. */
export interface MakerCertificate {
  readonly publicKey: string;
  /** The section of extensions, then any others that it names. */
  readonly extensions: readonly string[];
  readonly subject?: string;
}

/** Somebody who certifies devices, with plain openssl: a root, and below it an intermediate. */
export interface AttestationCa {
  readonly roots: string;
  /** DER: the certificate, then the intermediate. */
  issue(certificate: MakerCertificate): readonly Uint8Array[];
}

/** Makes one in a folder of its own below `folder`. */
export function makeAttestationCa(folder: string, name: string): AttestationCa {
  const at = join(folder, name);
  mkdirSync(at);
  const openssl = (...words: readonly string[]): unknown =>
    execFileSync('openssl', words, { cwd: at, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const key of ['root', 'below']) {
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${key}.key`);
  }
  const ca = [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign',
    'subjectKeyIdentifier=hash',
  ];
  const write = (file: string, lines: readonly string[]): void =>
    writeFileSync(join(at, file), lines.join('\n'));
  write('ca.cnf', [...ca, 'authorityKeyIdentifier=keyid']);
  const days = ['-days', '365'];
  openssl(
    'x509',
    '-new',
    '-key',
    'root.key',
    '-subj',
    `/CN=${name} root`,
    '-extfile',
    'ca.cnf',
    ...days,
    '-out',
    'root.pem',
  );
  openssl('pkey', '-in', 'below.key', '-pubout', '-out', 'below.pub');
  const sign = (issuer: string, publicKey: string, subject: string, file: string): void => {
    const by = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`];
    const about = ['-force_pubkey', publicKey, '-subj', subject, '-extfile', `${file}.cnf`];
    openssl('x509', '-new', ...by, ...about, ...days, '-out', `${file === 'ca' ? 'below' : file}.pem`);
  };
  sign('root', 'below.pub', `/CN=${name} below`, 'ca');
  const pem = (file: string): string => readFileSync(join(at, file), 'utf8');
  return {
    roots: pem('root.pem'),
    issue({ publicKey, extensions, subject = '/' }) {
      write('leaf.pub', [publicKey]);
      write('leaf.cnf', extensions);
      sign('below', 'leaf.pub', subject, 'leaf');
      return ['leaf.pem', 'below.pem'].flatMap((file) => decodePem(pem(file), 'CERTIFICATE'));
    },
  };
}

/** The extensions of the certificate of a TPM's attestation key (WebAuthn §8.3.1) that names a device; each part can be another. */
export function attestationKeyExtensions(
  device: string,
  {
    constraints = 'critical,CA:FALSE',
    usage = '2.23.133.8.3',
    names = 'dirName:tpm,otherName:1.3.6.1.5.5.7.8.3;SEQUENCE:permanent',
    // OpenSSL takes what stands before the first dot for a number that tells attributes apart.
    tpm = ['1.2.23.133.2.1=id:00001014', '2.2.23.133.2.2=swtpm', '3.2.23.133.2.3=id:20191023'],
  } = {},
): readonly string[] {
  return [
    ...(constraints === '' ? [] : [`basicConstraints=${constraints}`]),
    'keyUsage=critical,digitalSignature',
    ...(usage === '' ? [] : [`extendedKeyUsage=${usage}`]),
    ...(names === '' ? [] : [`subjectAltName=critical,${names}`]),
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
    '[tpm]',
    ...tpm,
    '[permanent]',
    `identifier=UTF8:${device}`,
    '[module]',
    'type=OID:1.2.3.4',
    `serial=OCT:${device}`,
  ];
}
