import { Fault, toFault } from '../kernel/fault.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import { confirmStanding, type Standing } from '../identity/standing.ts';
import type { Inbound } from '../mcp/message.ts';
import { readInbound } from '../mcp/read-message.ts';
import { checkSessionRequest } from '../mcp/session-request.ts';
import type { PendingCall, SignedCall } from '../oauth/signed-call/check-call.ts';
import type { Grant } from '../oauth/resource/grant.ts';
import { answerFault } from './answer-fault.ts';
import { type Permit, Unapproved, judge, labelsAsked } from './authorize.ts';
import type { Approval } from './approval/call-approvals.ts';
import { takeClientAnswer } from './approval/client-answer.ts';
import { seekApproval, useApproval } from './approval/seek-approval.ts';
import { callerOf } from './caller-of.ts';
import { beginCallSpan } from './call-span.ts';
import { carryOut, circumstances } from './carry-out.ts';
import { isOverLimit, type Place } from './limits.ts';
import { openHandles } from './open-handles.ts';
import { partyOf } from './party-of.ts';
import { passportsOf } from './passports.ts';
import { checkTools } from './pins/check-tools.ts';
import type { CheckedTools } from './pins/tool-pins.ts';
import type { GatewayPorts } from './ports.ts';
import { circumstancesOf, refusedEvent, type Seen } from './record.ts';
import { reportInternal } from './report-internal.ts';
import { restAfterRefusal } from './rest-after-refusal.ts';
import { tokenAsks } from './token-asks.ts';
import type { Span } from '../telemetry/span.ts';

const unanswered = { inbound: null, answer: null } as const;

type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** How long a certificate just issued may be ahead of the news of it, in milliseconds. */
const settleMilliseconds = 1_000;

/**
 * One request, top to bottom. Every way out leaves a record: `call.refused` for what was not permitted,
 * `call.permitted` before anything is forwarded, then `call.answered` or `call.failed`.
 */
export async function handle(exchange: Exchange, server: string, ports: GatewayPorts): Promise<void> {
  const started = ports.clock.monotonic();
  const seen: Writable<Seen> = { caller: null, grant: null, inbound: null, touched: null };
  let permit: Permit;
  let place: Place | null = null;
  let signed: SignedCall | null = null;
  let tools: CheckedTools | null = null;
  let span: Span | null = null;
  try {
    // 1 Identity: who holds this connection, and whether they stand as of now.
    const caller = (seen.caller = callerOf(exchange.connection, ports.view.trustDomain));
    const standing = await standingOf(caller, ports);
    // 2 Limits of the caller, whom every request counts for, refused ones too. A place is taken before the body, so
    // that the bodies of one agent cannot fill the memory.
    const wanted = ports.tokens.wants(server);
    place = await ports.limits.enter(standing, wanted ? 'later' : 'owner');
    // 3 Token, where the server wants one: what a person granted to whoever holds this very connection.
    const admitted = ports.tokens.admit(exchange, standing, server);
    const grant = (seen.grant = admitted instanceof Promise ? await admitted : admitted);
    if (wanted) await place.forPerson(personOf(standing, grant));
    // 4 Message: one body, read once, within its caps; signed, where the server asks for that.
    const signature = ports.signedCalls.begin(exchange, server, caller);
    const given = (seen.inbound = await readBody(exchange, ports, signature));
    if (ports.tracer && given)
      span = beginCallSpan(ports.tracer, exchange, { server, inbound: given, started });
    signed = signature && (await signature.settle());
    ports.toolHeaders.check(server, given, exchange.headers);
    const holder = { party: partyOf(caller, grant), server };
    const { inbound: asked, answer } = given ? takeClientAnswer(given, holder, ports.handles) : unanswered;
    const inbound = (seen.inbound = asked && openHandles(asked, holder, ports));
    await place.countBatch(inbound);
    ports.tokens.demand(grant, server, grant ? tokenAsks(inbound) : []);
    // Delegation, where the server wants one behind each call of a tool.
    const delegated = ports.passports.wants(server);
    const passports = delegated ? await passportsOf(inbound, server, standing, ports.passports) : null;
    // What the agent has used before counts as of now, when nothing can be added to the body any more.
    const recalled = ports.flow.recall({ standing, grant }, inbound);
    const touched = (seen.touched = recalled instanceof Promise ? await recalled : recalled);
    span?.step('countersign.policy');
    // 5 Policy: the agent may have changed while the body arrived, so standing is confirmed again.
    const judged = (approval: Approval | null): Permit | Unapproved => {
      const now = confirmStanding(standing.caller, ports.view, ports.clock.now());
      return judge(ports.policies(), now, inbound, {
        ...circumstances(exchange, server, { grant, passports }, ports),
        approval,
        touched,
      });
    };
    const first = judged(null);
    span?.step('countersign.tools');
    // 6 Tools: only as they were approved. Nobody is asked about one that is not, and it may change while somebody is.
    const body = { ...holder, inbound, grant };
    const held = checkTools(exchange, body, ports);
    tools = held instanceof Promise ? await held : held;
    if (first instanceof Unapproved) span?.step('countersign.approval');
    permit =
      first instanceof Unapproved
        ? await seekApproval(first, { exchange, inbound, holder, answer, judge: judged, ports })
        : first;
    if (permit !== first) tools = await checkTools(exchange, body, ports);
    // 7 Limits of servers, tools and everybody: what is not permitted uses up nothing of theirs.
    await place.claim(permit);
    // What a person approved is used up last, and before anything is forwarded.
    if (permit.approval) await useApproval(permit.approval, ports);
  } catch (error) {
    place?.[Symbol.dispose]();
    const fault = toFault(error);
    endRefused(span, { exchange, server, started, agent: seen.caller?.name ?? null }, fault, ports);
    return await refuse(exchange, server, seen, fault, ports);
  }
  try {
    await carryOut(exchange, permit, { started, place, signed, tools, span }, ports);
  } finally {
    place[Symbol.dispose]();
  }
}

/** Ends the span of what was refused; what was refused before its message was read has one as well. */
function endRefused(
  begun: Span | null,
  of: {
    readonly exchange: Exchange;
    readonly server: string;
    readonly started: number;
    readonly agent: string | null;
  },
  fault: Fault,
  { tracer }: GatewayPorts,
): void {
  if (!tracer) return;
  const span = begun ?? beginCallSpan(tracer, of.exchange, { ...of, inbound: null });
  if (span && of.agent !== null) span.set({ 'countersign.agent': of.agent });
  span?.end(fault.code);
}

/** Whom a request is for, as limits see it: whom its token says, else whoever answers for the agent. */
export function personOf({ agent }: Standing, grant: Grant | null): string {
  return grant?.person ?? agent?.owner ?? '';
}

/** The standing of a caller; a certificate just issued may be ahead of the news of it. */
export function standingOf(caller: Caller, ports: GatewayPorts): Standing | Promise<Standing> {
  const confirm = (): Standing => confirmStanding(caller, ports.view, ports.clock.now());
  // The certificates of a partner's callers are on no record here.
  if (caller.kind === 'partner') return confirm();
  if (ports.view.serialStatus(caller.serial, caller.thumbprint) !== 'unknown') return confirm();
  return ports.settle(caller.serial, settleMilliseconds).then(confirm);
}

/** The body of a POST, read once and shown to its signature; null for the opening or ending of a session's stream. */
export function readBody(
  exchange: Exchange,
  ports: GatewayPorts,
  signature: Pick<PendingCall, 'body'> | null,
): Inbound | null | Promise<Inbound> {
  switch (exchange.method) {
    case 'GET':
    case 'DELETE':
      checkSessionRequest(exchange.method, exchange.headers);
      return null;
    case 'POST': {
      const { bodyBytes, bodyMilliseconds, json } = ports.requestLimits;
      const { headers } = exchange;
      const read = (body: Uint8Array): Inbound => {
        signature?.body(body);
        return readInbound({ headers, body, limits: json });
      };
      const body = exchange.body({ bytes: bodyBytes, milliseconds: bodyMilliseconds });
      return body instanceof Uint8Array ? read(body) : body.then(read);
    }
    default:
      throw new Fault('method_not_allowed', `MCP has POST, GET and DELETE, not ${exchange.method}.`);
  }
}

/** Records a refusal and answers with it. */
export async function refuse(
  exchange: Exchange,
  server: string,
  seen: Seen,
  fault: Fault,
  ports: GatewayPorts,
): Promise<void> {
  const record = circumstancesOf(exchange, server, seen);
  reportInternal(fault, ports.log);
  if (isOverLimit(fault)) restAfterRefusal(exchange.connection, ports.clock);
  try {
    const touched = seen.touched ?? null;
    const flow = touched && { touched, labels: labelsAsked(seen.inbound, ports.flow.labelsAt(server)) };
    await ports.audit.append(refusedEvent(record, fault, ports.policies().version, flow));
  } catch (error) {
    // A refusal that cannot be recorded is still a refusal; the caller learns of the log instead.
    return await answerFault(exchange, seen.inbound, toFault(error), ports);
  }
  await answerFault(exchange, seen.inbound, fault, ports);
}
