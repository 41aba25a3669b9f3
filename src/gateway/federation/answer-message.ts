import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { problemStatus } from '../../http/problem.ts';
import { errorResponse } from '../../mcp/error-response.ts';
import type { Inbound, Message } from '../../mcp/message.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { challengeOf } from '../answer-fault.ts';
import { circumstancesOf, refusedEvent } from '../record.ts';
import { reportInternal } from '../report-internal.ts';
import type { Asking } from './asking.ts';
import { askOne } from './ask-one.ts';
import type { FederationState } from './federation.ts';
import { hearFromAgent } from './hear-from-agent.ts';
import { listRow } from './list-rows.ts';
import { listenToAll } from './listen.ts';
import { mergeList } from './lists.ts';
import { NameFault } from './name-fault.ts';
import { everyServer, recordMerged } from './record-merged.ts';
import { setLogLevel } from './log-level.ts';
import { answerJson, type Sink } from './sink.ts';
import { isForOne } from './to-server.ts';
import { discoverResult, initializeResult } from './welcome.ts';

/** What answering one message needs besides the exchange. */
export interface Answering {
  readonly sink: Sink;
  readonly state: FederationState;
  readonly inbound: Inbound;
}

/** Answers one message of an agent. Never rejects for what can be told to the agent; that is told and recorded. */
export async function answerMessage(asking: Asking, message: Message, answering: Answering): Promise<void> {
  try {
    if (message.kind !== 'request') {
      await hearFromAgent(asking, message, aloneIn(answering.inbound, message));
      if (!answering.inbound.batch) await asking.exchange.respond(202, {});
    } else if (isForOne(message.method)) {
      await askOne(asking, message, answering.sink);
    } else {
      await askAll(asking, message, answering);
    }
  } catch (error) {
    // What was begun has its records; who left is told nothing.
    if (asking.exchange.closed.aborted) return;
    await refuseMessage(asking, message, answering, toFault(error));
  }
}

/** What is not for one server is answered here, or by all of them. */
async function askAll(asking: Asking, message: Message, { sink, state, inbound }: Answering): Promise<void> {
  const { ports, session } = asking;
  const alone = aloneIn(inbound, message);
  const answer = async (result: JsonObject): Promise<void> => {
    await recordMerged(asking, { inbound: alone, asked: [], leftOut: [] });
    await answerJson(sink, 200, { jsonrpc: '2.0', id: message.id, result });
  };
  if (listRow(message.method)) return await answerList(asking, message, sink, alone);
  switch (`${message.era} ${message.method}`) {
    case 'modern server/discover':
      return await answer(discoverResult(ports.federation.version));
    case 'modern subscriptions/listen':
      return await listenToAll(asking, message, { sink, inbound: alone, watchers: state.watchers });
    case 'legacy initialize':
      return await answer(initializeResult(session?.revision ?? '', ports.federation.version));
    case 'legacy ping':
      return await answer({});
    case 'legacy logging/setLevel':
      return await answer(await setLogLevel(asking, message));
    default:
      throw new NameFault(
        'method_unknown',
        `${String(message.method).slice(0, 80)} is no method of all servers.`,
      );
  }
}

async function answerList(asking: Asking, message: Message, sink: Sink, alone: Inbound): Promise<void> {
  const stopping = new AbortController();
  const running = asking.session?.running;
  running?.set(message.id, { stop: (reason) => stopping.abort(reason) });
  try {
    const { result, asked, leftOut } = await mergeList(asking, message, stopping.signal);
    await recordMerged(asking, { inbound: alone, asked, leftOut });
    await answerJson(sink, 200, { jsonrpc: '2.0', id: message.id, result });
  } finally {
    running?.delete(message.id);
  }
}

/** Records a refusal, by the real names where they are known, and tells the agent. */
async function refuseMessage(
  { exchange, standing, grant, ports }: Asking,
  message: Message,
  { sink, inbound }: Answering,
  given: Fault,
): Promise<void> {
  reportInternal(given, ports.log);
  const real = given instanceof NameFault ? given.real : null;
  const record = circumstancesOf(exchange, real?.server ?? everyServer, {
    caller: standing.caller,
    grant,
    inbound: aloneIn(inbound, real ? real.message : message),
  });
  const fault = await ports.audit
    .append(refusedEvent(record, given, ports.policies().version))
    .then(() => given, toFault);
  if (exchange.closed.aborted || (exchange.answered && !inbound.batch)) return;
  const { status, headers, body } = errorResponse(
    fault,
    aloneIn(inbound, message),
    problemStatus[fault.code],
  );
  if (message.kind !== 'request' && inbound.batch) return;
  await sink.whole(status, { ...headers, ...challengeOf(fault) }, utf8(body));
}

/** One message as if it had come by itself. */
function aloneIn(inbound: Inbound, message: Message): Inbound {
  return { ...inbound, messages: [message], batch: false };
}
