import type { KeyObject } from 'node:crypto';
import { equalBytes, sha256Base64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { type LeafKind, leafProfiles, leafUri, namePattern } from '../x509/leaf-profile.ts';
import type { CertificateRequest } from '../x509/request.ts';
import { type AddressNames, readAddressNames } from './address-names.ts';
import type { AgentStates, CertificateAuthority } from './certificate-authority.ts';
import type { Evidence, HardwareKey } from './evidence.ts';
import type { Issuer } from './issuer.ts';
import { allowedLife } from './leaf-validity.ts';
import { checkNameConstraints } from './name-constraints.ts';

/** A request beside what its door has proved. */
export interface CertificateOrder {
  /** Its signature was verified when it was read. */
  readonly request: CertificateRequest;
  readonly evidence: Evidence;
  /** Milliseconds, or null for the profile's default. */
  readonly requestedLife: number | null;
}

const seal = Symbol('approved request');

/** Proof that a certificate may be issued; everything in it that identifies comes from the evidence, not the request. */
export class ApprovedRequest {
  readonly kind: LeafKind;
  readonly name: string;
  readonly spiffeId: string;
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Milliseconds from issuance. */
  readonly life: number;
  readonly door: string;
  /** Who stands behind the request, as the door said. */
  readonly owner: string;
  readonly replaces: string | null;
  readonly hardware: HardwareKey | null;
  readonly #proof = true;

  constructor(key: typeof seal, order: CertificateOrder, trustDomain: string, names: AddressNames) {
    if (key !== seal) throw new TypeError('An ApprovedRequest is only made by approve.');
    const { evidence, request } = order;
    this.kind = evidence.kind;
    this.name = evidence.name;
    this.spiffeId = leafUri(trustDomain, evidence.kind, evidence.name);
    this.spki = request.spki;
    this.publicKey = request.publicKey;
    this.dnsNames = names.dnsNames;
    this.ipAddresses = names.ipAddresses;
    this.life = allowedLife(evidence.kind, order.requestedLife);
    this.door = evidence.door;
    this.owner = evidence.owner;
    this.replaces = evidence.replaces;
    this.hardware = evidence.hardware ?? null;
    Object.freeze(this);
  }

  /** Whether a value is an ApprovedRequest that `approve` made. */
  static proves(value: object): value is ApprovedRequest {
    return #proof in value && value.#proof;
  }
}

/**
 * Decides whether what a request asks for is what its evidence grants.
 * Throws Fault `invalid_input`, `request_invalid`, `key_unacceptable`, `agent_unknown` or `agent_inactive`.
 */
export async function approve(
  order: CertificateOrder,
  authority: Pick<CertificateAuthority, 'issuer' | 'issuers' | 'agents' | 'blockedKeys'>,
): Promise<ApprovedRequest> {
  const { request, evidence } = order;
  const { issuer, agents, blockedKeys } = authority;
  checkName(evidence);
  checkIdentity(request, evidence, issuer.trustDomain);
  checkKey(request, authority.issuers());
  await checkBlocked(request, blockedKeys);
  const names = grantedNames(request, evidence);
  const { name: commonName } = evidence;
  checkNameConstraints(
    { commonName, trustDomain: issuer.trustDomain, dnsNames: names.dnsNames },
    issuer.chain,
  );
  await checkAgent(evidence, agents);
  return new ApprovedRequest(seal, order, issuer.trustDomain, names);
}

function checkName({ name }: Evidence): void {
  if (namePattern.test(name)) return;
  throw new Fault(
    'invalid_input',
    `${JSON.stringify(name)} is not a name: use lower-case letters, digits, dot, dash and underscore, at most 64.`,
  );
}

/** A request may leave its names out; one it states must be the one that was proved. */
function checkIdentity(request: CertificateRequest, evidence: Evidence, trustDomain: string): void {
  if (request.commonName !== null && request.commonName !== evidence.name) {
    throw new Fault(
      'request_invalid',
      `The request names ${JSON.stringify(request.commonName)}, but this enrolment is for ${evidence.name}.`,
    );
  }
  const uri = leafUri(trustDomain, evidence.kind, evidence.name);
  if (request.uris.length > 1 || request.uris.some((stated) => stated !== uri)) {
    throw new Fault('request_invalid', `The request asks for another identity than ${uri}.`);
  }
}

// A certificate for the issuer's own key would let its holder be taken for the authority, and the reverse.
function checkKey(request: CertificateRequest, issuers: readonly Issuer[]): void {
  const own = issuers.some(({ chain }) => chain.some(({ spki }) => equalBytes(spki, request.spki)));
  if (own) throw new Fault('key_unacceptable', "The request is for one of the authority's own keys.");
}

async function checkBlocked(
  { spki }: CertificateRequest,
  keys: CertificateAuthority['blockedKeys'],
): Promise<void> {
  if (!(await keys.isBlocked(sha256Base64url(spki)))) return;
  throw new Fault('key_unacceptable', 'This key was revoked and gets no certificate. Make a new one.');
}

/** What the request lists, as far as the evidence grants it; all that is granted when it lists nothing. */
function grantedNames(request: CertificateRequest, evidence: Evidence): AddressNames {
  const granted = readAddressNames(evidence);
  const asked = readAddressNames(request);
  const some = asked.dnsNames.length + asked.ipAddresses.length > 0;
  const names = some ? asked : granted;
  const total = names.dnsNames.length + names.ipAddresses.length;
  if (total > 0 && !leafProfiles[evidence.kind].addressNames) {
    throw new Fault(
      'request_invalid',
      `A certificate of kind ${evidence.kind} carries no DNS names and no IP addresses.`,
    );
  }
  const excess = [
    ...names.dnsNames.filter((name) => !granted.dnsNames.includes(name)),
    ...names.ipAddresses.filter((address) => !granted.ipAddresses.includes(address)),
  ];
  if (excess.length > 0) {
    throw new Fault(
      'request_invalid',
      `The request asks for ${excess.join(', ')}, which this enrolment does not grant.`,
    );
  }
  return names;
}

// Each agent was registered after the one above it; a record that says otherwise is not followed for ever.
const mostAbove = 8;

async function checkAgent({ kind, name }: Evidence, agents: AgentStates): Promise<void> {
  if (kind !== 'agent' && kind !== 'ephemeral') return;
  const agent = await agents.find(name);
  if (!agent) {
    throw new Fault(
      'agent_unknown',
      `No agent named ${name} is registered. Register it with: countersign agent add ${name}`,
    );
  }
  if (agent.state !== 'active') {
    throw new Fault('agent_inactive', `The agent ${name} is ${agent.state} and gets no certificate.`);
  }
  let above = agent.parent;
  for (let step = 0; above !== undefined; step += 1) {
    const parent = await agents.find(above);
    if (parent?.state !== 'active' || step === mostAbove) {
      const state = parent?.state ?? 'not registered';
      throw new Fault('agent_inactive', `${above}, which ${name} works for, is ${state}: no certificate.`);
    }
    above = parent.parent;
  }
}
