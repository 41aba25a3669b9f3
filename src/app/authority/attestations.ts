import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Attestations } from '../../enrol/acme/acme-parts.ts';
import type { AttestationMaker, AttestationRules } from '../../enrol/attest/attestation-rules.ts';
import { Fault } from '../../kernel/fault.ts';
import { readForeignCertificate } from '../../x509/foreign-certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { type ConfiguredMaker, readAttestation } from '../config/attestation-file.ts';
import { ChangingFile } from './changing-file.ts';
import { opensslChains, requireOpenssl } from './openssl-chains.ts';

/**
 * Whose attestations count, by a file that is read again when it has changed. Without it nobody's do; while it cannot be read
 * no attestation is accepted. A file that is wrong from the start is told now. Throws Fault `config_invalid`.
 */
export async function openAttestations(path: string): Promise<Attestations & AsyncDisposable> {
  const file = new ChangingFile<AttestationRules | null>({
    path,
    read: (text) => (text === null ? Promise.resolve(null) : readAll(path, text)),
    close: async () => undefined,
  });
  await file.current();
  return {
    rules: () => file.current(),
    chains: opensslChains(),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

async function readAll(path: string, text: string): Promise<AttestationRules> {
  const { makers, devices } = readAttestation(path, text);
  await requireOpenssl(path);
  return { makers: await Promise.all(makers.map((maker) => withRoots(path, maker))), devices };
}

async function withRoots(path: string, { file, ...maker }: ConfiguredMaker): Promise<AttestationMaker> {
  const place = resolve(dirname(path), file);
  try {
    const roots = await readFile(place, 'utf8');
    for (const der of decodePem(roots, 'CERTIFICATE')) readForeignCertificate(der);
    return { ...maker, roots };
  } catch (cause) {
    const why = cause instanceof Fault ? ` ${cause.message}` : '';
    throw new Fault('config_invalid', `${path}: ${place} cannot be read as certificates.${why}`, { cause });
  }
}
