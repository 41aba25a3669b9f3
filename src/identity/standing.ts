import { assertNever } from '../kernel/assert-never.ts';
import { Fault } from '../kernel/fault.ts';
import type { AgentRecord } from './agent-record.ts';
import { Caller, type CallerKind } from './caller.ts';
import type { IdentityView } from './identity-view.ts';
import { partnersAgent } from './partner-standing.ts';

const seal = Symbol('standing');

/** Proof that a caller may be heard at this moment. Made per request, because a TLS session outlives its checks. */
export class Standing {
  // Private members, which nobody else can set: freezing three of these for each request costs more.
  readonly #caller: Caller;
  readonly #agent: AgentRecord | null;
  readonly #profile: CallerKind;
  readonly #hardware: boolean;

  private constructor(
    key: typeof seal,
    caller: Caller,
    agent: AgentRecord | null,
    known: { readonly profile: CallerKind; readonly hardware: boolean },
  ) {
    if (key !== seal) throw new TypeError('A Standing is only made by confirmStanding.');
    this.#caller = caller;
    this.#agent = agent;
    this.#profile = known.profile;
    this.#hardware = known.hardware;
  }

  get caller(): Caller {
    return this.#caller;
  }

  /** The registry's record of an agent, or what is made of a partner's; null for servers, gateways and administrators, which have none. */
  get agent(): AgentRecord | null {
    return this.#agent;
  }

  /** As on record: an ephemeral certificate looks like an agent's, and only the registry tells them apart. `partner` for a partner's. */
  get profile(): CallerKind {
    return this.#profile;
  }

  /** Whether the key of the certificate was attested to be in hardware, as on record. */
  get hardware(): boolean {
    return this.#hardware;
  }

  /** The checks behind `confirmStanding`; see there. */
  static of(caller: Caller, view: IdentityView, now: number): Standing {
    if (!Caller.proves(caller)) throw new TypeError('The caller was not made by identify.');
    if (caller.kind === 'partner') {
      checkClock(view, now);
      checkTime(caller, now);
      checkFreshness(view, now);
      return new Standing(seal, caller, partnersAgent(caller, view, now), {
        profile: 'partner',
        // Where the keys of others are, we were not shown.
        hardware: false,
      });
    }
    checkTrustDomain(caller, view);
    checkClock(view, now);
    checkTime(caller, now);
    checkFreshness(view, now);
    checkSerial(caller, view);
    const profile = view.profileOf(caller.serial) ?? caller.kind;
    const hardware = view.inHardware(caller.serial);
    return new Standing(seal, caller, activeAgent(caller, view), { profile, hardware });
  }

  /** Whether a value is a Standing that this module made. */
  static proves(value: object): value is Standing {
    return #caller in value;
  }
}

/**
 * Looks again, for one request, at everything that can change while a connection lives; `now` in epoch milliseconds.
 * Throws Fault `trust_domain_mismatch`, `clock_behind`, `certificate_not_yet_valid`, `certificate_expired`, `view_stale`,
 * `certificate_revoked`, `certificate_unknown`, `agent_unknown`, `agent_inactive`, or what `partnersAgent` throws.
 */
export function confirmStanding(caller: Caller, view: IdentityView, now: number): Standing {
  return Standing.of(caller, view, now);
}

function checkTrustDomain(caller: Caller, view: IdentityView): void {
  if (caller.trustDomain === view.trustDomain) return;
  throw new Fault(
    'trust_domain_mismatch',
    `${caller.spiffeId} belongs to another trust domain than ${view.trustDomain}.`,
  );
}

/** How far behind its authority's a gateway's clock may be, in milliseconds: certificates start so long before they are issued. */
export const clockTolerance = 60_000;

/** A clock that is behind makes ended certificates good again. */
function checkClock(view: IdentityView, now: number): void {
  const behind = view.behind(now);
  if (behind <= clockTolerance) return;
  throw new Fault(
    'clock_behind',
    `The clock of this gateway says ${iso(now)}, and that of its authority is ${Math.round(behind / 1_000)} s ahead. Set the clocks right.`,
  );
}

// RFC 5280 §4.1.2.5: both ends of the validity period belong to it. A resumed TLS session does not check them.
function checkTime(caller: Caller, now: number): void {
  if (now < caller.notBefore) {
    throw new Fault(
      'certificate_not_yet_valid',
      `The certificate of ${caller.name} starts at ${iso(caller.notBefore)}, which is still ahead. Check both clocks.`,
    );
  }
  if (now > caller.notAfter) {
    throw new Fault(
      'certificate_expired',
      `The certificate of ${caller.name} ended at ${iso(caller.notAfter)}. Renew it or enrol again.`,
    );
  }
}

function checkFreshness(view: IdentityView, now: number): void {
  if (view.fresh(now)) return;
  throw new Fault(
    'view_stale',
    'Revocations may be missing: the authority was not heard for longer than the staleness limit.',
  );
}

function checkSerial(caller: Caller, view: IdentityView): void {
  const status = view.serialStatus(caller.serial, caller.thumbprint);
  switch (status) {
    case 'good':
      return;
    case 'revoked':
      throw new Fault(
        'certificate_revoked',
        `The certificate ${caller.serial} of ${caller.name} is revoked.`,
      );
    case 'unknown':
      throw new Fault(
        'certificate_unknown',
        `The certificate ${caller.serial} is not in the issuance record of this authority. Enrol again.`,
      );
    default:
      assertNever(status);
  }
}

function activeAgent(caller: Caller, view: IdentityView): AgentRecord | null {
  if (caller.kind !== 'agent' && caller.kind !== 'ephemeral') return null;
  const agent = view.agent(caller.name);
  if (!agent) throw new Fault('agent_unknown', `No agent named ${caller.name} is registered.`);
  if (agent.state !== 'active') {
    throw new Fault('agent_inactive', `The agent ${caller.name} is ${agent.state}. Its owner can say why.`);
  }
  checkAbove(agent, view);
  return agent;
}

// Each was registered after the one above it, so there is an end; a record that says otherwise is not waited for.
const mostAbove = 8;

/** What an agent may, it may for the one that enrolled it. */
function checkAbove({ name, parent }: AgentRecord, view: IdentityView): void {
  let above = parent;
  for (let step = 0; above !== undefined; step += 1) {
    const agent = view.agent(above);
    if (agent?.state !== 'active' || step === mostAbove) {
      const state = agent?.state ?? 'not registered';
      throw new Fault('agent_inactive', `The agent ${above}, which ${name} works for, is ${state}.`);
    }
    above = agent.parent;
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
