import type { Exchange } from '../../http/exchange.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { nestsWithin } from '../../kernel/nests-within.ts';
import { MessageFault } from '../../mcp/message-fault.ts';
import type { Inbound } from '../../mcp/message.ts';
import { Permit, Unapproved } from '../authorize.ts';
import type { Holder } from '../handles.ts';
import type { GatewayPorts } from '../ports.ts';
import type { Approval, CallStanding } from './call-approvals.ts';
import { canBeAsked, type ClientAnswer, waitingResult } from './client-answer.ts';

/** What an approval is sought with. */
export interface Seeking {
  readonly exchange: Exchange;
  readonly inbound: Inbound | null;
  readonly holder: Holder;
  /** What the client said to our question; null for a call that is made for the first time. */
  readonly answer: ClientAnswer | null;
  /** Asks policy again, with what a person approved: it and the standing of the agent may have changed meanwhile. */
  readonly judge: (approval: Approval) => Permit | Unapproved;
  readonly ports: GatewayPorts;
}

/** A refusal that a modern client is told as a result that asks whether it goes on waiting. */
export class WaitingFault extends MessageFault {
  readonly result: JsonObject;

  constructor(fault: MessageFault, result: JsonObject) {
    super(fault.code, fault.message, fault.id, fault.data);
    this.result = result;
  }
}

/** The largest parameters that somebody can be expected to look through, in octets of JSON. */
const mostOctets = 65_536;
const deepest = 32;
const askAgain = 5_000;

/**
 * Has a person asked, and waits for them: as a round of the client where that can be, and otherwise by holding the call for a
 * while. Throws Fault `call_unapproved` for what still waits, with the id to come again for; `approval_refused`; and what
 * `CallApprovals` throws.
 */
export async function seekApproval(unapproved: Unapproved, seeking: Seeking): Promise<Permit> {
  const { call, detail } = unapproved;
  const { exchange, inbound, answer, ports } = seeking;
  if (!nestsWithin(call.params, deepest) || Buffer.byteLength(JSON.stringify(call.params)) > mostOctets) {
    const most = `of more than ${mostOctets} octets, or nested deeper than ${deepest}, cannot be shown to anybody`;
    throw new Fault('call_unapproved', `${detail}. It cannot be approved: parameters ${most}.`);
  }
  let standing = await ports.approvals.ask(call);
  if (answer && !answer.wanted) {
    await ports.approvals.withdraw({ id: standing.id, digest: call.digest });
    throw new Fault('call_unapproved', `${detail}. The client has given the call up.`);
  }
  const asks = canBeAsked(inbound);
  if (standing.state === 'waiting' && !(asks && answer === null)) {
    await ports.approvals.decided(standing.id, ports.approvalWait, exchange.closed);
    // Whoever has left does not get what they waited for.
    if (exchange.closed.aborted) throw waits(unapproved, standing, inbound);
    standing = await ports.approvals.ask(call);
  }
  switch (standing.state) {
    case 'waiting':
      throw asks ? asked(unapproved, standing, seeking) : waits(unapproved, standing, inbound);
    case 'refused':
      throw refused(unapproved, standing, inbound);
    case 'granted': {
      const judged = seeking.judge({ id: standing.id, digest: call.digest });
      if (judged instanceof Permit) return judged;
      throw new Fault('call_unapproved', `${judged.detail}. What policy asks for has changed meanwhile.`);
    }
    default:
      return assertNever(standing.state);
  }
}

/** Uses up what a permit rests on. Throws Fault `call_unapproved` when another call was faster, or it was taken back. */
export async function useApproval(approval: Approval, { approvals }: GatewayPorts): Promise<void> {
  if (await approvals.use(approval)) return;
  const detail = `The approval ${approval.id} was used, taken back or is over. Make the call again to ask for another one.`;
  throw new Fault('call_unapproved', `Refused: ${detail}`);
}

function waits({ detail }: Unapproved, standing: CallStanding, inbound: Inbound | null): MessageFault {
  const { id, expiresAt } = standing;
  const until = new Date(expiresAt).toISOString();
  const how = `It waits as ${id} until ${until}: countersign call-approval show ${id}. Once it is granted, make the same call again.`;
  return told('call_unapproved', `${detail}. ${how}`, standing, inbound);
}

function refused({ detail }: Unapproved, standing: CallStanding, inbound: Inbound | null): MessageFault {
  const { id, reason, expiresAt } = standing;
  const until = new Date(expiresAt).toISOString();
  const how = `It was refused as ${id}: ${reason ?? 'no reason was given'}. The same call is not looked at again before ${until}.`;
  return told('approval_refused', `${detail}. ${how}`, standing, inbound);
}

function told(
  code: 'call_unapproved' | 'approval_refused',
  detail: string,
  { id, state, expiresAt }: CallStanding,
  inbound: Inbound | null,
): MessageFault {
  const again = state === 'waiting' ? { retryAfterMilliseconds: askAgain } : {};
  const approval = { id, state, expiresAt: new Date(expiresAt).toISOString(), ...again };
  return new MessageFault(code, detail, inbound?.messages[0]?.id ?? null, { code, approval });
}

function asked(unapproved: Unapproved, standing: CallStanding, { inbound, holder, ports }: Seeking): Fault {
  const fault = waits(unapproved, standing, inbound);
  const [message] = inbound?.messages ?? [];
  if (!message) return fault;
  const { call, detail } = unapproved;
  const sealing = { holder, seal: ports.handles };
  return new WaitingFault(fault, waitingResult({ call, standing, detail }, message, sealing));
}
