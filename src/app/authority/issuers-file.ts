import { access } from 'node:fs/promises';
import { z } from 'zod';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { readPrivateFile, readTextFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { DataFolder } from './data-folder.ts';

/** An intermediate, the root above it, and what is kept of its key. */
export interface KeptIssuer {
  readonly certificate: Certificate;
  readonly root: Certificate;
  /** The sealed key or the reference to where it lives; null while that is in the file that `init` made. */
  readonly key: KeptKey | null;
}

/** What a key file holds. */
export type KeptKey = z.output<typeof key>;

/** An intermediate to be: first its key and request, then with the certificate that the root has signed. */
export interface NextIssuer {
  readonly key: KeptKey;
  /** PKCS #10 in PEM. */
  readonly request: string;
  readonly signed: { readonly certificate: Certificate; readonly root: Certificate } | null;
}

/** Who issues, and how far its replacement has come. One of `next` and `retiring` at most is there. */
export interface KeptIssuers {
  readonly issuing: KeptIssuer;
  readonly next: NextIssuer | null;
  readonly retiring: KeptIssuer | null;
  /** When the last step was, in epoch milliseconds; null before the first. */
  readonly since: number | null;
}

const pem = z.string().max(100_000);
const key = z.record(z.string(), z.json());
const issuer = z.strictObject({ certificate: pem, root: pem, key: key.nullable() });
const file = z.strictObject({
  format: z.literal(1),
  issuing: issuer,
  next: z
    .strictObject({
      key,
      request: pem,
      signed: z.strictObject({ certificate: pem, root: pem }).nullable(),
    })
    .nullable(),
  retiring: issuer.nullable(),
  since: z.number().int(),
});

/**
 * Who issues, from the file that rotations keep, or from those that `init` made when there was none yet. All that a step
 * changes is in the one file, so a step is done or not. Throws Fault `state_damaged`, `file_mode`.
 */
export async function readIssuers(data: DataFolder): Promise<KeptIssuers> {
  const octets = await readPrivateFile(data.issuers).catch((error: unknown) => nullIfMissing(error, data));
  if (octets === null) {
    const certificate = await readPemFile(data.intermediateCertificate);
    const issuing = { certificate, root: await readPemFile(data.rootCertificate), key: null };
    return { issuing, next: null, retiring: null, since: null };
  }
  try {
    return parseIssuers(octets);
  } catch (cause) {
    throw new Fault('state_damaged', `${data.issuers} cannot be read. Restore the folder from a backup.`, {
      cause,
    });
  }
}

/** What `writeIssuers` wrote. Throws whatever it is that does not fit. */
export function parseIssuers(octets: Uint8Array): KeptIssuers {
  const { issuing, next, retiring, since } = file.parse(parseJson(octets, { depth: 8, values: 1_000 }));
  return {
    issuing: readKept(issuing),
    next: next && { ...next, signed: next.signed && readSigned(next.signed) },
    retiring: retiring && readKept(retiring),
    since,
  };
}

/** Whether both say the same, however the keys are kept. */
export function sameIssuers(one: KeptIssuers, other: KeptIssuers): boolean {
  const factsOf = ({ issuing, next, retiring }: KeptIssuers): string =>
    JSON.stringify([
      issuing.certificate.thumbprint,
      next && [next.request, next.signed?.certificate.thumbprint ?? null],
      retiring?.certificate.thumbprint ?? null,
    ]);
  return factsOf(one) === factsOf(other);
}

/** What `readIssuers` reads. */
export function writeIssuers({ issuing, next, retiring, since }: KeptIssuers): Uint8Array {
  const value: z.input<typeof file> = {
    format: 1,
    issuing: writeKept(issuing),
    next: next && { ...next, signed: next.signed && writeSigned(next.signed) },
    retiring: retiring && writeKept(retiring),
    since: since ?? 0,
  };
  return utf8(`${JSON.stringify(value, null, 2)}\n`);
}

/** What is kept of a key, from the octets of its file. */
export function readKeptKey(octets: Uint8Array | string): KeptKey {
  return key.parse(parseJson(typeof octets === 'string' ? utf8(octets) : octets, { depth: 2, values: 32 }));
}

/** Whether rotations keep their file already. */
export async function hasIssuersFile(data: DataFolder): Promise<boolean> {
  return await access(data.issuers).then(
    () => true,
    () => false,
  );
}

function readSigned(text: { certificate: string; root: string }): {
  certificate: Certificate;
  root: Certificate;
} {
  return { certificate: readPem(text.certificate), root: readPem(text.root) };
}

function readKept(text: z.output<typeof issuer>): KeptIssuer {
  return { ...readSigned(text), key: text.key };
}

function writeSigned(of: { certificate: Certificate; root: Certificate }): {
  certificate: string;
  root: string;
} {
  return { certificate: pemOfCertificate(of.certificate.der), root: pemOfCertificate(of.root.der) };
}

function writeKept(kept: KeptIssuer): z.input<typeof issuer> {
  return { ...writeSigned(kept), key: kept.key };
}

function readPem(text: string): Certificate {
  const [der, ...more] = decodePem(text, 'CERTIFICATE');
  if (!der || more.length > 0) throw new Fault('malformed_pem', 'One certificate is expected.');
  return readCertificate(der);
}

/** The one certificate of a file. Throws Fault `state_damaged`. */
export async function readPemFile(path: string): Promise<Certificate> {
  try {
    const [der] = decodePem(await readTextFile(path), 'CERTIFICATE');
    if (der) return readCertificate(der);
  } catch (cause) {
    throw new Fault('state_damaged', `${path} cannot be read. Restore the folder from a backup.`, { cause });
  }
  throw new Fault('state_damaged', `${path} holds no certificate. Restore the folder from a backup.`);
}

function nullIfMissing(error: unknown, { issuers }: DataFolder): null {
  if (!(error instanceof Fault)) throw error;
  if (error.code === 'not_found') return null;
  if (error.code === 'file_mode' || error.code === 'unavailable') throw error;
  throw new Fault('state_damaged', `${issuers} cannot be read. Restore the folder from a backup.`, {
    cause: error,
  });
}
