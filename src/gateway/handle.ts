import { Fault, toFault } from '../kernel/fault.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import { confirmStanding, type Standing } from '../identity/standing.ts';
import type { Inbound } from '../mcp/message.ts';
import { readInbound } from '../mcp/read-message.ts';
import { checkSessionRequest } from '../mcp/session-request.ts';
import { answerFault } from './answer-fault.ts';
import { authorize, type Circumstances, mayUse, type Permit } from './authorize.ts';
import { callerOf } from './caller-of.ts';
import { forward, sessionFor } from './forward.ts';
import { subjectOf } from './handles.ts';
import { isOverLimit, type Place } from './limits.ts';
import { openHandles } from './open-handles.ts';
import type { GatewayPorts } from './ports.ts';
import {
  answeredEvent,
  circumstancesOf,
  cutEvent,
  failedEvent,
  permittedEvent,
  refusedEvent,
} from './record.ts';
import { relay } from './relay.ts';
import { reportInternal } from './report-internal.ts';
import { restAfterRefusal } from './rest-after-refusal.ts';
import { AnswerSealer } from './seal-answer.ts';

/** How long a certificate just issued may be ahead of the news of it, in milliseconds. */
const settleMilliseconds = 1_000;

/**
 * One request, top to bottom. Every way out leaves a record: `call.refused` for what was not permitted,
 * `call.permitted` before anything is forwarded, then `call.answered` or `call.failed`.
 */
export async function handle(exchange: Exchange, server: string, ports: GatewayPorts): Promise<void> {
  const started = ports.clock.monotonic();
  const seen: { caller: Caller | null; inbound: Inbound | null } = { caller: null, inbound: null };
  let permit: Permit;
  let place: Place | null = null;
  try {
    // 1 Identity: who holds this connection, and whether they stand as of now.
    const caller = (seen.caller = callerOf(exchange.connection, ports.view.trustDomain));
    const standing = await standingOf(caller, ports);
    // 2 Limits of the caller, whom every request counts for, refused ones too. A place is taken before the body, so
    // that the bodies of one agent cannot fill the memory.
    place = await ports.limits.enter(standing);
    // 3 Message: one body, read once, within its caps.
    const given = (seen.inbound = await readBody(exchange, ports));
    ports.toolHeaders.check(server, given, exchange.headers);
    const holder = { spiffeId: standing.caller.spiffeId, server };
    const inbound = (seen.inbound = given && openHandles(given, holder, ports));
    await place.countBatch(inbound);
    // 4 Policy: the agent may have changed while the body arrived, so standing is confirmed again.
    permit = authorize(
      ports.policies(),
      confirmStanding(standing.caller, ports.view, ports.clock.now()),
      inbound,
      circumstances(exchange, server, ports),
    );
    // 5 Limits of servers, tools and everybody: what is not permitted uses up nothing of theirs.
    await place.claim(permit);
  } catch (error) {
    place?.[Symbol.dispose]();
    return await refuse(exchange, server, seen, toFault(error), ports);
  }
  try {
    await carryOut(exchange, permit, { started, place }, ports);
  } finally {
    place[Symbol.dispose]();
  }
}

/** The standing of a caller; a certificate just issued may be ahead of the news of it. */
export async function standingOf(caller: Caller, ports: GatewayPorts): Promise<Standing> {
  if (ports.view.serialStatus(caller.serial, caller.thumbprint) === 'unknown')
    await ports.settle(caller.serial, settleMilliseconds);
  return confirmStanding(caller, ports.view, ports.clock.now());
}

/** The body of a POST, read once; null for the opening or ending of a session's stream. */
export async function readBody(exchange: Exchange, ports: GatewayPorts): Promise<Inbound | null> {
  switch (exchange.method) {
    case 'GET':
    case 'DELETE':
      checkSessionRequest(exchange.method, exchange.headers);
      return null;
    case 'POST': {
      const body = await exchange.body({
        bytes: ports.requestLimits.bodyBytes,
        milliseconds: ports.requestLimits.bodyMilliseconds,
      });
      return readInbound({ headers: exchange.headers, body, limits: ports.requestLimits.json });
    }
    default:
      throw new Fault('method_not_allowed', `MCP has POST, GET and DELETE, not ${exchange.method}.`);
  }
}

function circumstances(exchange: Exchange, server: string, ports: GatewayPorts): Circumstances {
  return { server, address: exchange.connection.address, time: ports.clock.now() };
}

/** Records a refusal and answers with it. */
export async function refuse(
  exchange: Exchange,
  server: string,
  seen: { readonly caller: Caller | null; readonly inbound: Inbound | null },
  fault: Fault,
  ports: GatewayPorts,
): Promise<void> {
  const record = circumstancesOf(exchange, server, seen.caller, seen.inbound);
  reportInternal(fault, ports.log);
  if (isOverLimit(fault)) restAfterRefusal(exchange.connection, ports.clock);
  try {
    await ports.audit.append(refusedEvent(record, fault, ports.policies().version));
  } catch (error) {
    // A refusal that cannot be recorded is still a refusal; the caller learns of the log instead.
    return await answerFault(exchange, seen.inbound, toFault(error));
  }
  await answerFault(exchange, seen.inbound, fault);
}

/** From the permit to the last octet of the answer. */
async function carryOut(
  exchange: Exchange,
  permit: Permit,
  { started, place }: { readonly started: number; readonly place: Place },
  ports: GatewayPorts,
): Promise<void> {
  const { caller } = permit.standing;
  const record = circumstancesOf(exchange, permit.server, caller, permit.inbound);
  const ended = (): number => Math.round((ports.clock.monotonic() - started) * 1_000) / 1_000;
  // 6 Record: durable before anything is forwarded (law of the log: no record, no call).
  try {
    await ports.audit.append(permittedEvent(record, permit));
  } catch (error) {
    return await answerFault(exchange, permit.inbound, toFault(error));
  }
  let cutFor: Fault | null = null;
  const live = ports.live.enter({
    agent: caller.name,
    spiffeId: caller.spiffeId,
    serial: caller.serial,
    server: permit.server,
    objection: () => objection(exchange, permit, ports),
    cut: (reason) => {
      cutFor = new Fault('unavailable', reason);
      exchange.connection.cut();
      ports.audit.note(cutEvent(record, reason));
    },
  });
  try {
    // The right may have gone while the record was written; nothing has been forwarded yet.
    const gone = objection(exchange, permit, ports);
    if (gone !== null) throw new Fault('denied', gone);
    // 7 Upstream.
    const upstream = ports.upstream(permit.server);
    if (!upstream) throw new Fault('server_unknown', `No MCP server named ${permit.server} is registered.`);
    const response = await forward(exchange, permit, { upstream, seal: ports.seal });
    // 8 Response.
    const owner = { spiffeId: caller.spiffeId, server: permit.server };
    const requests = permit.inbound?.messages.filter((message) => message.kind === 'request') ?? [];
    const subject = requests[0] ? subjectOf(requests[0]) : { method: '', name: '' };
    const sent = await relay(exchange, response, {
      requests,
      mayUse: (action, target) =>
        mayUse(
          ports.policies(),
          permit.standing,
          action,
          target,
          circumstances(exchange, permit.server, ports),
        ),
      learn: (result) => ports.toolHeaders.learn(permit.server, result),
      session: sessionFor(response, permit, ports.seal),
      handles: new AnswerSealer(owner, subject, ports),
      spend: (octets) => place.spend(octets),
    });
    // 9 Record: nothing waits for it, so it is written with the next entry that something waits for.
    ports.audit.note(answeredEvent(record, { ...sent, milliseconds: ended() }));
  } catch (error) {
    const fault = cutFor ?? endedBy(exchange) ?? toFault(error);
    reportInternal(fault, ports.log);
    ports.audit.note(failedEvent(record, fault, ended()));
    if (!exchange.answered) await answerFault(exchange, permit.inbound, fault);
  } finally {
    live[Symbol.dispose]();
  }
}

/** Why whoever asked for the exchange ended it, when that was said. */
function endedBy({ closed }: Exchange): Fault | null {
  return closed.aborted && closed.reason instanceof Fault ? closed.reason : null;
}

/** Why a call in progress may not go on, or null. Asked whenever identity, policy or time may have changed. */
function objection(exchange: Exchange, permit: Permit, ports: GatewayPorts): string | null {
  try {
    const standing = confirmStanding(permit.standing.caller, ports.view, ports.clock.now());
    if (ports.policies().version !== permit.policyVersion || standing.agent !== permit.standing.agent) {
      authorize(ports.policies(), standing, permit.inbound, circumstances(exchange, permit.server, ports));
    }
    return null;
  } catch (error) {
    return toFault(error).message;
  }
}
