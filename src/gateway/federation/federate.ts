import type { Exchange } from '../../http/exchange.ts';
import { confirmStanding } from '../../identity/standing.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Inbound } from '../../mcp/message.ts';
import { callerOf } from '../caller-of.ts';
import { personOf, readBody, refuse, standingOf } from '../handle.ts';
import type { Place } from '../limits.ts';
import { partyOf } from '../party-of.ts';
import type { GatewayPorts } from '../ports.ts';
import type { Seen } from '../record.ts';
import { answerMessage } from './answer-message.ts';
import { createAsker } from './ask-server.ts';
import type { Asking } from './asking.ts';
import { everyServer, recordMerged } from './record-merged.ts';
import type { FederationState } from './federation.ts';
import { followNews } from './news.ts';
import { resumeEvents } from './resume.ts';
import type { FederatedSession } from './session.ts';
import { batchSink, exchangeSink } from './sink.ts';

/**
 * One request to all servers of an agent. What goes to a server goes the road of `handle` as a request to that server
 * alone; here it is only taken apart, put into each server's words, and put together again.
 */
export async function federate(
  exchange: Exchange,
  ports: GatewayPorts,
  state: FederationState,
): Promise<void> {
  const seen: { -readonly [Name in keyof Seen]: Seen[Name] } = { caller: null, grant: null, inbound: null };
  let place: Place | null = null;
  try {
    // 1 Identity, 2 limits of the caller and 3 message, as for one server; the limits of servers and tools are for
    // the roads to them.
    const caller = (seen.caller = callerOf(exchange.connection, ports.view.trustDomain));
    const admitted = await standingOf(caller, ports);
    place = await ports.limits.enter(admitted, 'later');
    // A token for all servers together; each server looks at it again for itself.
    const grant = (seen.grant = await ports.tokens.admit(exchange, admitted, null));
    await place.forPerson(personOf(admitted, grant));
    // Together they ask for a signature as soon as one of them does.
    const signature = ports.signedCalls.begin(exchange, '', caller);
    const inbound = (seen.inbound = await readBody(exchange, ports, signature));
    const signed = signature && (await signature.settle());
    await place.countBatch(inbound);
    // The agent may have changed while the body arrived.
    const standing = confirmStanding(caller, ports.view, ports.clock.now());
    // 4 Session: the agent's own, whoever presents the id.
    const party = partyOf(caller, grant);
    const session = sessionFor(exchange, inbound, { party, agent: caller.name }, state);
    const asking: Asking = {
      exchange,
      standing,
      grant,
      party,
      ports,
      asker: createAsker(exchange, { ...ports, tokens: ports.tokens.within(grant) }, { place, signed }),
      together: state.together(),
      names: state.names.of(party),
      patience: state.patience,
      revision: session?.revision ?? inbound?.revision ?? '',
      session,
    };
    // 5 Each message; or the stream or the end of the session.
    await carryOut(asking, inbound, state);
  } catch (error) {
    await refuse(exchange, everyServer, seen, toFault(error), ports);
  } finally {
    place?.[Symbol.dispose]();
  }
}

/** The session of a legacy request, or null: `initialize` begins one, a modern request has none. */
function sessionFor(
  exchange: Exchange,
  inbound: Inbound | null,
  owner: { readonly party: string; readonly agent: string },
  { sessions }: FederationState,
): FederatedSession | null {
  if (inbound?.era === 'modern') return null;
  const [first] = inbound?.messages ?? [];
  if (first?.method === 'initialize' && first.kind === 'request' && !inbound?.batch) {
    return sessions.open(owner, first.params);
  }
  const given = exchange.headers.get('mcp-session-id');
  if (given === null) {
    throw new Fault(
      'header_mismatch',
      'The Mcp-Session-Id header is missing; only initialize goes without it.',
    );
  }
  return sessions.find(given, owner);
}

async function carryOut(asking: Asking, inbound: Inbound | null, state: FederationState): Promise<void> {
  const { exchange, session } = asking;
  if (!inbound) {
    if (!session) throw new Fault('session_unknown', 'This session does not exist for this agent.');
    return exchange.method === 'GET' ? await open(asking, session, state) : await end(asking, session, state);
  }
  const [only] = inbound.messages;
  const opened = only?.method === 'initialize' && session ? state.sessions.sealed(session) : null;
  const sink = exchangeSink(exchange, opened === null ? {} : { 'mcp-session-id': opened });
  if (!inbound.batch && only) return await answerMessage(asking, only, { sink, state, inbound });
  const requests = inbound.messages.filter(({ kind }) => kind === 'request');
  const shared = batchSink(sink);
  await Promise.all(
    inbound.messages.map((message) => answerMessage(asking, message, { sink: shared, state, inbound })),
  );
  if (requests.length === 0) await exchange.respond(202, {});
  else await sink.end();
}

/** GET: the news of every server, or what is left of one server's answer that broke off. */
async function open(asking: Asking, session: FederatedSession, state: FederationState): Promise<void> {
  const last = asking.exchange.headers.get('last-event-id');
  if (last !== null) return await resumeEvents(asking, session, last);
  await recordMerged(asking, {
    inbound: null,
    asked: session.places.map(({ server }) => server),
    leftOut: [],
  });
  await followNews(asking, session, state.watchers);
}

/** DELETE: the session ends here at once, and then at every server. */
async function end(asking: Asking, session: FederatedSession, { sessions }: FederationState): Promise<void> {
  sessions.end(session);
  await recordMerged(asking, {
    inbound: null,
    asked: session.places.map(({ server }) => server),
    leftOut: [],
  });
  await session.close(asking.asker, asking.ports.federation.limits.listMilliseconds);
  await asking.exchange.respond(204, {});
}
