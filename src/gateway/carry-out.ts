import type { Exchange } from '../http/exchange.ts';
import { confirmStanding } from '../identity/standing.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import type { Message, Target } from '../mcp/message.ts';
import type { SignedCall } from '../oauth/signed-call/check-call.ts';
import { answerFault } from './answer-fault.ts';
import { authorize, type Circumstances, mayUse, type Permit } from './authorize.ts';
import { forward, type Route, sessionFor } from './forward.ts';
import { subjectOf } from './handles.ts';
import type { Place } from './limits.ts';
import { partyOf } from './party-of.ts';
import { CallTrace } from './flow/call-trace.ts';
import type { CheckedTools } from './pins/tool-pins.ts';
import type { LiveCall } from './live-calls.ts';
import type { GatewayPorts } from './ports.ts';
import {
  answeredEvent,
  type Circumstances as Recorded,
  circumstancesOf,
  cutEvent,
  failedEvent,
  permittedEvent,
} from './record.ts';
import { relay, type Relaying } from './relay.ts';
import { reportInternal } from './report-internal.ts';
import { AnswerSealer } from './seal-answer.ts';
import type { Span } from '../telemetry/span.ts';
import { traceParent } from '../telemetry/trace-context.ts';

/** What a permitted request holds while it is carried out. */
export interface Held {
  /** When it came, on the monotonic clock. */
  readonly started: number;
  readonly place: Place;
  /** Its signature, where the server asks for one. */
  readonly signed: SignedCall | null;
  /** The definitions of the tools that are called, where they are held to any. */
  readonly tools: CheckedTools | null;
  /** Null where it is not traced. */
  readonly span: Span | null;
}

/** From the permit to the last octet of the answer. */
export async function carryOut(
  exchange: Exchange,
  permit: Permit,
  held: Held,
  ports: GatewayPorts,
): Promise<void> {
  const call = new CallUnderWay(exchange, permit, held, ports);
  held.span?.set({ 'countersign.agent': call.agent }).step('countersign.record');
  // 8 Record: durable before anything is forwarded (law of the log: no record, no call).
  try {
    const remembered = call.trace?.begin();
    await ports.audit.append(
      permittedEvent(call.record, permit, {
        signed: held.signed,
        credential: ports.credentialOf(permit.server),
        definitions: held.tools?.calls.map(({ hash }) => hash) ?? null,
      }),
    );
    if (remembered) await remembered;
  } catch (error) {
    const fault = toFault(error);
    held.span?.end(fault.code);
    return await answerFault(exchange, permit.inbound, fault, ports);
  }
  const live = ports.live.enter(call);
  try {
    // The right may have gone while the record was written; nothing has been forwarded yet.
    const gone = call.refusal();
    if (gone !== null) throw gone;
    if (held.tools) ports.toolPins.settle(held.tools);
    // 9 Upstream.
    const upstream = ports.upstream(permit.server);
    if (!upstream) throw new Fault('server_unknown', `No MCP server named ${permit.server} is registered.`);
    const trace = traceOf(held.span?.step('countersign.upstream', 'client'));
    const route = { upstream, seal: ports.seal, trace };
    const response = await call.timed(() => forward(exchange, permit, route));
    // 10 Response.
    const sent = await relay(exchange, response, call.relaying(sessionFor(response, permit, ports.seal)));
    // 11 Record: nothing waits for it, so it is written with the next entry that something waits for.
    ports.audit.note(answeredEvent(call.record, { ...sent, milliseconds: call.milliseconds }));
    held.span?.set({ 'http.response.status_code': sent.status }).end();
  } catch (error) {
    const fault = call.cutFor ?? endedBy(exchange) ?? toFault(error);
    reportInternal(fault, ports.log);
    ports.audit.note(failedEvent(call.record, fault, call.milliseconds));
    held.span?.end(fault.code);
    if (!exchange.answered) await answerFault(exchange, permit.inbound, fault, ports);
  } finally {
    live[Symbol.dispose]();
  }
}

/** A permitted request between its record and its end: what may end it early, and what its answer has to pass. */
class CallUnderWay implements LiveCall {
  readonly record: Recorded;
  /** Why it was cut off, when it was. */
  cutFor: Fault | null = null;
  /** What it leaves behind; null where nothing is said of its server. */
  readonly trace: CallTrace | null;
  private readonly exchange: Exchange;
  private readonly permit: Permit;
  private readonly held: Held;
  private readonly ports: GatewayPorts;

  constructor(exchange: Exchange, permit: Permit, held: Held, ports: GatewayPorts) {
    this.exchange = exchange;
    this.permit = permit;
    this.held = held;
    this.ports = ports;
    this.trace = CallTrace.of(permit, exchange.id, ports);
    const { grant, inbound, standing } = permit;
    this.record = circumstancesOf(exchange, permit.server, { caller: standing.caller, grant, inbound });
  }

  get agent(): string {
    return this.permit.standing.caller.name;
  }

  get spiffeId(): string {
    return this.permit.standing.caller.spiffeId;
  }

  get serial(): string {
    return this.permit.standing.caller.serial;
  }

  get server(): string {
    return this.permit.server;
  }

  /** Since the request came, to the microsecond. */
  get milliseconds(): number {
    return Math.round((this.ports.clock.monotonic() - this.held.started) * 1_000) / 1_000;
  }

  objection(): string | null {
    return this.refusal()?.message ?? null;
  }

  /** What the call would be refused with now, or null. */
  refusal(): Fault | null {
    const { permit, ports, held } = this;
    try {
      if (held.tools) ports.toolPins.confirm(held.tools);
    } catch (error) {
      return toFault(error);
    }
    try {
      const standing = confirmStanding(permit.standing.caller, ports.view, ports.clock.now());
      ports.tokens.confirm(permit.grant, permit.server);
      for (const passport of permit.passports?.values() ?? []) ports.passports.confirm(passport);
      if (ports.policies().version !== permit.policyVersion || standing.agent !== permit.standing.agent) {
        authorize(ports.policies(), standing, permit.inbound, {
          ...circumstances(this.exchange, permit.server, permit, ports),
          approval: permit.approval,
          // As when it came: what it uses itself is no objection to it.
          touched: permit.touched,
        });
      }
      return null;
    } catch (error) {
      return new Fault('denied', toFault(error).message);
    }
  }

  cut(reason: string): void {
    this.cutFor = new Fault('unavailable', reason);
    this.exchange.connection.cut();
    this.ports.audit.note(cutEvent(this.record, reason));
  }

  /** Tells how long the call took until now, and how long its server takes to begin to answer. */
  async timed<Value>(send: () => Promise<Value>): Promise<Value> {
    const { clock, meter } = this.ports;
    const began = clock.monotonic();
    try {
      return await send();
    } finally {
      const took = { own: began - this.held.started, upstream: clock.monotonic() - began };
      meter.forwarded(this.permit, took);
    }
  }

  /** `session`: the session id as the client shall see it, or null. */
  relaying(session: string | null): Relaying {
    const { permit, ports } = this;
    const requests = requestsOf(permit);
    const [first] = requests;
    const subject = first ? subjectOf(first) : { method: '', name: '' };
    const owner = { party: partyOf(permit.standing.caller, permit.grant), server: permit.server };
    const handles = new AnswerSealer(owner, subject, ports);
    // A client goes on with these elsewhere; everything else comes to an end.
    const endless = this.exchange.method === 'GET' || first?.method === 'subscriptions/listen';
    const leaving = endless ? ports.leaving : null;
    return { requests, session, handles, cuts: ports.guard.begin(permit.server), call: this, leaving };
  }

  /** Whether the caller may use an item of a list. */
  mayUse(action: string, target: Target): boolean {
    const { permit, ports } = this;
    const asked = circumstances(this.exchange, permit.server, permit, ports);
    return mayUse(ports.policies(), permit.standing, action, target, asked);
  }

  /** Is told of every list of tools as the server gave it. */
  learn(result: JsonObject): void {
    this.ports.toolHeaders.learn(this.permit.server, result);
  }

  get guarded(): boolean {
    return this.ports.toolPins.guards(this.permit.server);
  }

  approved(result: JsonObject, first: boolean): JsonObject {
    const { server, standing, grant } = this.permit;
    const party = partyOf(standing.caller, grant);
    return this.ports.toolPins.listed({ server, party, result, first });
  }

  listChanged(): void {
    this.ports.toolPins.listChanged(this.permit.server);
  }

  /** Counts octets of the answer; gives a fault once a budget is overdrawn. */
  spend(octets: number): Fault | null | Promise<Fault | null> {
    const remembered = this.trace?.passOn();
    if (remembered) return remembered.then(() => this.held.place.spend(octets));
    return this.held.place.spend(octets);
  }

  get listens(): boolean {
    return this.trace?.listens ?? false;
  }

  /** Is told of what a server says besides the answer. */
  hear(method: string | null): void | Promise<void> {
    return this.trace?.hear(method);
  }
}

/** What the server is told of the trace. */
function traceOf(span: Span | null | undefined): Route['trace'] {
  return span ? { parent: traceParent(span.context), state: span.context.state } : null;
}

function requestsOf({ inbound }: Permit): readonly Message[] {
  return inbound ? inbound.messages.filter(({ kind }) => kind === 'request') : [];
}

/** What policy is asked with; without what was used before, which is nothing to lists. */
export function circumstances(
  exchange: Exchange,
  server: string,
  { grant, passports }: Pick<Circumstances, 'grant' | 'passports'>,
  ports: GatewayPorts,
): Circumstances {
  return {
    server,
    address: exchange.connection.address,
    grant,
    passports,
    time: ports.clock.now(),
    labels: ports.flow.labelsAt(server),
    touched: null,
  };
}

/** Why whoever asked for the exchange ended it, when that was said. */
function endedBy({ closed }: Exchange): Fault | null {
  return closed.aborted && closed.reason instanceof Fault ? closed.reason : null;
}
