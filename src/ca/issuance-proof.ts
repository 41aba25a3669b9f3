import type { KeyObject } from 'node:crypto';
import { type Checkpoint, readCheckpoint } from '../audit/checkpoint.ts';
import type { Entry } from '../audit/entry.ts';
import { verifyConsistency } from '../audit/merkle.ts';
import { type EntryProof, readProof, verifyProof } from '../audit/prove.ts';
import { fromBase64, sha256Base64url } from '../kernel/bytes.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import { decodePem } from '../x509/pem.ts';

/** That the log of the authority holds an earlier checkpoint whole: the hashes of RFC 6962 §2.1.2, base64. */
export interface Consistency {
  /** How many entries the earlier checkpoint covers. */
  readonly size: number;
  readonly path: readonly string[];
}

/** Shows that the issuance of a certificate is in the log of its authority; anybody can check it with the log's key. */
export interface IssuanceProof extends EntryProof {
  /** PEM. */
  readonly certificate: string;
  readonly consistency: Consistency | null;
}

/** What a proof that holds has shown. */
export interface ProvenIssuance {
  readonly certificate: Certificate;
  readonly entry: Entry;
  readonly checkpoint: Checkpoint;
}

/**
 * Checks a proof with the key of the log and nothing else: that the entry speaks of this very certificate, that the log of
 * the checkpoint holds the entry, and that it holds all of an earlier checkpoint of it (`known`, a signed note) as well.
 * Throws Fault `audit_broken` when one of them does not hold, `invalid_input` when the proof says nothing about `known`.
 */
export function verifyIssuance(
  proof: IssuanceProof,
  { publicKey, known }: { readonly publicKey: KeyObject; readonly known: string | null },
): ProvenIssuance {
  const { entry, checkpoint } = verifyProof(proof, publicKey);
  const certificate = readOnly(proof.certificate);
  const { event } = entry;
  const same =
    event.type === 'certificate.issued' &&
    event['serial'] === certificate.serial &&
    event['thumbprint'] === certificate.thumbprint &&
    event['tbsHash'] === sha256Base64url(certificate.tbs);
  if (!same) throw broken(`Entry ${entry.index} is not the issuance of this certificate.`);
  if (known !== null) checkKnown(readCheckpoint(known, publicKey), checkpoint, proof.consistency);
  return { certificate, entry, checkpoint };
}

function checkKnown(known: Checkpoint, checkpoint: Checkpoint, consistency: Consistency | null): void {
  if (known.origin !== checkpoint.origin) {
    throw broken(`The known checkpoint is of the log ${known.origin}, not of ${checkpoint.origin}.`);
  }
  const said = known.size === checkpoint.size ? { size: known.size, path: [] } : consistency;
  if (said?.size !== known.size) {
    throw new Fault(
      'invalid_input',
      `The proof does not lead from the known checkpoint of ${known.size} entries to its own of ${checkpoint.size}. Make it with: countersign cert prove --known`,
    );
  }
  const path = said.path.map(fromBase64).filter((hash) => hash !== null);
  if (path.length === said.path.length && verifyConsistency(known, checkpoint, path)) return;
  throw broken(
    `The log of this proof does not go on from the known checkpoint of ${known.size} entries: it was rewritten.`,
  );
}

/** Reads a proof that was stored as JSON. Throws Fault `invalid_input`. */
export function readIssuanceProof(value: Json): IssuanceProof {
  const { certificate, consistency = null } = isJsonObject(value) ? value : {};
  if (typeof certificate !== 'string') {
    throw new Fault('invalid_input', 'The proof of an issuance has a member certificate.');
  }
  return {
    ...readProof(value),
    certificate,
    consistency: consistency === null ? null : readConsistency(consistency),
  };
}

function readConsistency(value: Json): Consistency {
  const { size, path } = isJsonObject(value) ? value : {};
  const hashes = Array.isArray(path) ? path.filter((hash) => typeof hash === 'string') : [];
  if (!Number.isSafeInteger(size) || !Array.isArray(path) || hashes.length !== path.length) {
    throw new Fault('invalid_input', 'A proof of consistency has the members size and path.');
  }
  return { size: Number(size), path: hashes };
}

function readOnly(pem: string): Certificate {
  const [der, ...more] = decodePem(pem, 'CERTIFICATE');
  if (!der || more.length > 0)
    throw new Fault('invalid_input', 'The proof of an issuance has one certificate.');
  return readCertificate(der);
}

function broken(why: string): Fault {
  return new Fault('audit_broken', why);
}
