import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { AcmeAccountRecord, AcmeAccountRecords, AcmeOrderRecords, Subject } from './acme-records.ts';
import type { AttestationRules } from '../attest/attestation-rules.ts';
import type { ChainVerifier } from '../attest/chain-verifier.ts';
import type { BindingSecrets } from './external-account.ts';
import type { Nonces } from './nonces.ts';
import type { Validations } from './validations.ts';

/** Port: whether what an account is bound to is registered and may have certificates. */
export interface SubjectStates {
  state(kind: Subject['kind'], name: string): Promise<'active' | 'inactive' | 'unknown'>;
  /** The device that is on record for it, or null. */
  device(kind: Subject['kind'], name: string): Promise<string | null>;
}

/** Port: whose attestations of devices count. */
export interface Attestations {
  /** Null while nobody's do. Throws Fault `config_invalid`, `unavailable` while that cannot be read. */
  rules(): Promise<AttestationRules | null>;
  readonly chains: ChainVerifier;
}

/** What the door works on. */
export interface AcmeParts {
  readonly ca: CertificateAuthority;
  readonly accounts: AcmeAccountRecords;
  readonly orders: AcmeOrderRecords;
  readonly subjects: SubjectStates;
  readonly secrets: BindingSecrets;
  readonly attestations: Attestations;
  readonly nonces: Nonces;
  readonly validations: Validations;
  /** Where refused bindings are recorded: whoever reaches the listener can present one. */
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

/** What a handler answers; the door adds a nonce and what else every answer carries. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** In place of `body`: a chain in PEM. */
  readonly chain?: string;
}

/** The URLs of the door's resources, below the origin by which the client knows it. */
export interface AcmeUrls {
  readonly directory: string;
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert: string;
  readonly keyChange: string;
  readonly renewalInfo: string;
  account(id: string): string;
  orders(accountId: string): string;
  order(id: string): string;
  finalize(orderId: string): string;
  certificate(orderId: string): string;
  authorization(id: string): string;
  challenge(authorizationId: string, type: string): string;
}

/** `origin` is that of the request: the listener answers only to names that it was told of. */
export function acmeUrls(origin: string): AcmeUrls {
  const at = `${origin}/acme`;
  return {
    directory: `${at}/directory`,
    newNonce: `${at}/new-nonce`,
    newAccount: `${at}/new-account`,
    newOrder: `${at}/new-order`,
    revokeCert: `${at}/revoke-cert`,
    keyChange: `${at}/key-change`,
    renewalInfo: `${at}/renewal-info`,
    account: (id) => `${at}/account/${id}`,
    orders: (accountId) => `${at}/account/${accountId}/orders`,
    order: (id) => `${at}/order/${id}`,
    finalize: (orderId) => `${at}/order/${orderId}/finalize`,
    certificate: (orderId) => `${at}/certificate/${orderId}`,
    authorization: (id) => `${at}/authorization/${id}`,
    challenge: (authorizationId, type) => `${at}/challenge/${authorizationId}/${type}`,
  };
}

/** Throws Fault `account_refused` when what the account is bound to gets no certificates. */
export async function requireActive(account: AcmeAccountRecord, subjects: SubjectStates): Promise<void> {
  const { kind, name } = account;
  const state = await subjects.state(kind, name);
  if (state === 'active') return;
  throw new Fault(
    'account_refused',
    `The ${kind} ${name}, to which this account is bound, is ${state === 'unknown' ? 'not registered any more' : 'not active'}.`,
  );
}

/** RFC 3339, whole seconds. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
