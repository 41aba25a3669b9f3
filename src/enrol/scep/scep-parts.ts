import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AgentStates, CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { CertificateRequest } from '../../x509/request.ts';
import type { Answerer } from './cert-rep.ts';
import type { IssuerAndSerial } from '../../x509/cms-signer.ts';
import type { ScepTransactions } from './scep-transactions.ts';

/** The registration authority of the door: what clients encrypt to, and who signs what they are answered. */
export interface Registration extends Answerer {
  /** Every certificate of the key that a client may still have, the current one among them. */
  readonly certificates: readonly IssuerAndSerial[];
}

/** A first request, as whoever decides about challenges is asked. */
export interface ChallengeQuestion {
  readonly transactionId: string;
  readonly request: CertificateRequest;
  /** Null when the request has none. */
  readonly challenge: string | null;
  /** Where it came from, for the log. */
  readonly address: string;
}

/** A challenge that counts, and what it proves. */
export interface ProvenChallenge {
  readonly evidence: Evidence;
  /** The agents, and among them one that is registered when the challenge is used. */
  readonly agents: AgentStates;
  /** Done when the request is approved; what may happen once only. Throws Fault `join_token_invalid`. */
  useUp(): Promise<void>;
}

/** Port: decides about a first request. Throws Fault `join_token_invalid` or `denied`; never gives evidence in doubt. */
export type Challenges = (question: ChallengeQuestion) => Promise<ProvenChallenge>;

/** What the door works on. */
export interface ScepParts {
  readonly ca: CertificateAuthority;
  readonly transactions: ScepTransactions;
  readonly challenges: Challenges;
  readonly registration: () => Registration;
  /** The full CRL in force, in DER. Throws Fault `unavailable`. */
  readonly crl: () => Uint8Array;
  /** Whether DES, triple DES and signatures by SHA-1 are accepted. */
  readonly legacy: boolean;
  /** How long after its end a certificate may still be renewed, in milliseconds. */
  readonly renewalGrace: number;
  readonly strangers: Pick<BoundedRecord, 'record'>;
  /** Issuances under way, by transaction: a message that comes twice at once is one. */
  readonly running: Map<string, Promise<Uint8Array>>;
}
