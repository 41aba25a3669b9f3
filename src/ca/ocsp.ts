import { hash } from 'node:crypto';
import { sha256Base64url, toHex } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { keyBits } from '../x509/extensions.ts';
import { type OcspQuestion, type OcspRequest, readOcspRequest, writeCertId } from '../x509/ocsp-request.ts';
import {
  assembleOcsp,
  buildOcspTbs,
  isOcspSignedBy,
  type OcspAnswer,
  type OcspStatus,
  readOcspResponse,
  refuseOcsp,
} from '../x509/ocsp-response.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { CertificateRecord, CertificateRecords } from './certificate-records.ts';
import type { Issuer, SigningKey } from './issuer.ts';
import { keyIdOf } from './publication-urls.ts';
import { SigningBudget } from './signing-budget.ts';

/** A certificate for signing OCSP responses, issued by the issuer of those that are asked about, and its key. */
export interface OcspSigner {
  readonly certificate: Certificate;
  readonly key: SigningKey;
}

/** What a responder answers from. */
export interface OcspSources {
  readonly issuer: Issuer;
  readonly records: Pick<CertificateRecords, 'find'>;
  readonly clock: Clock;
  /** How long an answer may be used, in milliseconds. */
  readonly life: number;
  /** How many answers may be signed in a second beside the kept ones; twice as many may come at once. */
  readonly signaturesPerSecond: number;
  /** Answers about what others issued, such as the issuer itself, that were signed beforehand; null for what it does not know. */
  readonly signedBefore?: (question: OcspQuestion) => OcspReply | null;
}

/** A response as it is handed out. */
export interface OcspReply {
  readonly der: Uint8Array;
  /** Times in epoch milliseconds and another value for other octets; null for what no cache may keep. */
  readonly kept: { readonly thisUpdate: number; readonly nextUpdate: number; readonly tag: string } | null;
}

/** Answers whether certificates of one issuer are revoked (RFC 6960, RFC 5019, RFC 9654). */
export interface OcspResponder {
  /** Answers a request in DER; one that cannot be answered with the reason. */
  answer(request: Uint8Array): OcspReply | Promise<OcspReply>;
  /** Whether the first certificate that a request asks about is one of this issuer's. */
  isAskedBy(request: Uint8Array): boolean;
  /** The response about one serial for a TLS handshake, or null when there is none to give. */
  staple(serial: string): Promise<Uint8Array | null>;
  /** Told of every certificate that changed: what was kept about it is forgotten. */
  heard(serial: string): void;
  /** Signs with another certificate from now on. Throws Fault `lint_failed`; then the one before stays. */
  replaceSigner(signer: OcspSigner): Promise<void>;
}

// A verifier whose clock is a little behind must not see an answer from the future.
const backdate = 60_000;
/** Answers that are kept: one for each certificate and hash that was asked about, at a kilobyte each. */
const mostKept = 20_000;
const hashes = ['sha1', 'sha256', 'sha384', 'sha512'] as const;
/** For staples. */
const ownHash = 'sha256';

/** Opens a responder. Throws Fault `lint_failed` for a signer that does not fit the issuer. */
export async function openOcspResponder(sources: OcspSources, signer: OcspSigner): Promise<OcspResponder> {
  const responder = new Responder(sources, signer);
  await responder.replaceSigner(signer);
  return responder;
}

interface Kept extends OcspReply {
  /** When it is made anew, in epoch milliseconds. */
  readonly renewAt: number;
}

class Responder implements OcspResponder {
  readonly #sources: OcspSources;
  readonly #issuerHashes: ReadonlyMap<string, { readonly name: string; readonly key: string }>;
  /** By hash and serial, the longest unused first. */
  readonly #kept = new Map<string, Kept>();
  readonly #budget: SigningBudget;
  #signer: OcspSigner;
  #keyHash: Uint8Array = new Uint8Array();
  /** Grows with every change: an answer is kept only when nothing changed while it was made. */
  #changes = 0;

  constructor(sources: OcspSources, signer: OcspSigner) {
    this.#sources = sources;
    this.#signer = signer;
    this.#issuerHashes = issuerHashes(sources.issuer.certificate);
    this.#budget = new SigningBudget(sources.clock, sources.signaturesPerSecond);
  }

  answer(request: Uint8Array): OcspReply | Promise<OcspReply> {
    const read = readOrNull(request);
    if (read === null) return ocspRefusal('malformedRequest');
    const [question, ...more] = read.questions;
    if (question && more.length === 0 && read.nonce === null) {
      const kept = this.#keptAnswer(question);
      if (kept) return kept;
    }
    // A nonce is not answered there, as RFC 9654 §2.1 lets responders that sign beforehand.
    const before =
      question && more.length === 0 && !this.#isOurs(question) && this.#sources.signedBefore?.(question);
    if (before) return before;
    if (!this.#budget.take()) return ocspRefusal('tryLater');
    return this.#sign(read).catch(() => ocspRefusal('internalError'));
  }

  isAskedBy(request: Uint8Array): boolean {
    const question = readOrNull(request)?.questions[0];
    return question !== undefined && this.#isOurs(question);
  }

  async staple(serial: string): Promise<Uint8Array | null> {
    const { name, key } = this.#issuerHashes.get(ownHash) ?? { name: '', key: '' };
    const certId = writeCertId({
      hashAlgorithm: ownHash,
      issuerNameHash: Buffer.from(name, 'hex'),
      issuerKeyHash: Buffer.from(key, 'hex'),
      serial,
    });
    const question = { certId, hashAlgorithm: ownHash, issuerNameHash: name, issuerKeyHash: key, serial };
    const reply = this.#keptAnswer(question) ?? (await this.#sign({ questions: [question], nonce: null }));
    return reply.kept === null ? null : reply.der;
  }

  heard(serial: string): void {
    this.#changes += 1;
    for (const algorithm of hashes) this.#kept.delete(`${algorithm} ${serial}`);
  }

  async replaceSigner(signer: OcspSigner): Promise<void> {
    const before = { signer: this.#signer, keyHash: this.#keyHash };
    this.#signer = signer;
    this.#keyHash = digest('sha1', keyBits(signer.certificate.spki));
    this.#changes += 1;
    try {
      await this.#trySigner();
      this.#kept.clear();
    } catch (error) {
      this.#signer = before.signer;
      this.#keyHash = before.keyHash;
      throw error;
    }
  }

  #keptAnswer({ hashAlgorithm, serial, ...asked }: OcspQuestion): Kept | null {
    const name = `${hashAlgorithm} ${serial}`;
    const kept = this.#kept.get(name);
    if (!kept || !this.#isOurs({ hashAlgorithm, ...asked })) return null;
    if (this.#sources.clock.now() < kept.renewAt) return kept;
    this.#kept.delete(name);
    return null;
  }

  #isOurs(asked: Pick<OcspQuestion, 'hashAlgorithm' | 'issuerNameHash' | 'issuerKeyHash'>): boolean {
    const own = this.#issuerHashes.get(asked.hashAlgorithm);
    return own !== undefined && own.name === asked.issuerNameHash && own.key === asked.issuerKeyHash;
  }

  async #sign({ questions, nonce }: OcspRequest): Promise<OcspReply> {
    const changes = this.#changes;
    const { clock, life } = this.#sources;
    const { certificate, key } = this.#signer;
    const now = clock.now();
    const nextUpdate = Math.min(now + life, certificate.notAfter);
    // RFC 6960 §4.2.2.2: what its certificate no longer covers is not signed.
    if (nextUpdate <= now) throw new Fault('unavailable', 'The certificate of the OCSP responder has ended.');
    const statuses = await Promise.all(questions.map((question) => this.#statusOf(question)));
    const thisUpdate = now - backdate;
    const answers = questions.map(
      ({ certId }, index): OcspAnswer => ({
        certId,
        status: statuses[index] ?? { kind: 'unknown' },
        thisUpdate,
        nextUpdate,
      }),
    );
    const tbs = buildOcspTbs({ responderKeyHash: this.#keyHash, producedAt: now, answers, nonce });
    const der = assembleOcsp(tbs, key.algorithm, await key.sign(tbs), certificate.der);
    const [question] = questions;
    const keep = nonce === null && questions.length === 1 && statuses[0]?.kind !== 'unknown';
    if (!keep || !question) return { der, kept: null };
    const kept = { thisUpdate, nextUpdate, tag: sha256Base64url(der) };
    if (changes === this.#changes) {
      const renewAt = now + (nextUpdate - now) / 2;
      this.#keep(`${question.hashAlgorithm} ${question.serial}`, { der, kept, renewAt });
    }
    return { der, kept };
  }

  #keep(name: string, answer: Kept): void {
    this.#kept.set(name, answer);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostKept && oldest !== undefined) this.#kept.delete(oldest);
  }

  async #statusOf(question: OcspQuestion): Promise<OcspStatus> {
    if (!this.#isOurs(question)) return { kind: 'unknown' };
    const record = await this.#sources.records.find(question.serial);
    const isTheirs = record?.issuer == null || record.issuer === keyIdOf(this.#sources.issuer.certificate);
    return isTheirs ? statusOf(record) : { kind: 'unknown' };
  }

  /** Signs an answer about nothing and reads it as a client would. */
  async #trySigner(): Promise<void> {
    const { issuer } = this.#sources;
    const certId = writeCertId({
      hashAlgorithm: 'sha1',
      issuerNameHash: digest('sha1', issuer.certificate.subjectDer),
      issuerKeyHash: digest('sha1', keyBits(issuer.certificate.spki)),
      serial: '01',
    });
    const question = { certId, hashAlgorithm: 'none', issuerNameHash: '', issuerKeyHash: '', serial: '01' };
    const response = readOcspResponse((await this.#sign({ questions: [question], nonce: null })).der);
    const { certificate } = this.#signer;
    const sound =
      typeof response === 'object' &&
      isOcspSignedBy(response, certificate.publicKey) &&
      certificate.extendedKeyUsage.includes('OCSPSigning') &&
      certificate.ocspNoCheck &&
      certificate.authorityKeyId === issuer.certificate.subjectKeyId;
    if (!sound) {
      throw new Fault(
        'lint_failed',
        'The OCSP responder cannot sign with its new certificate; it goes on with the old.',
      );
    }
  }
}

/** `good` is only what was issued: a serial that was reserved and came to nothing is none of ours. */
function statusOf(record: CertificateRecord | null): OcspStatus {
  switch (record?.state) {
    case 'issued':
      return { kind: 'good' };
    case 'revoked':
      return { kind: 'revoked', at: record.revokedAt ?? 0, reason: record.revocation ?? 'unspecified' };
    default:
      return { kind: 'unknown' };
  }
}

function readOrNull(request: Uint8Array): OcspRequest | null {
  try {
    return readOcspRequest(request);
  } catch (error) {
    if (error instanceof Fault && error.code === 'malformed_der') return null;
    throw error;
  }
}

/** An answer that says why there is none. */
export function ocspRefusal(reason: Parameters<typeof refuseOcsp>[0]): OcspReply {
  return { der: refuseOcsp(reason), kept: null };
}

function issuerHashes({
  subjectDer,
  spki,
}: Certificate): ReadonlyMap<string, { readonly name: string; readonly key: string }> {
  return new Map(
    hashes.map((algorithm) => [
      algorithm,
      { name: toHex(digest(algorithm, subjectDer)), key: toHex(digest(algorithm, keyBits(spki))) },
    ]),
  );
}

function digest(algorithm: (typeof hashes)[number], octets: Uint8Array): Uint8Array {
  return hash(algorithm, octets, 'buffer');
}
