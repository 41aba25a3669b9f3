import { utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import type { InnerAnswer } from './inner-exchange.ts';
import { interpret, type Interpreter, interpretText } from './interpret.ts';
import { eventsOf, readMessage } from './read-answer.ts';
import type { Sink } from './sink.ts';

/**
 * Relays the answer of one server; what names nothing keeps its octets. `sealEvent` makes an event's id one that only
 * this agent can go on from. Throws Fault `upstream_garbage`.
 */
export async function relayOne(
  answer: InnerAnswer,
  sink: Sink,
  interpreter: Interpreter,
  sealEvent: (id: string) => string,
): Promise<void> {
  const { status, body } = answer;
  const headers = ownHeaders(answer);
  if (body instanceof Uint8Array) {
    const isJson = headers['content-type']?.startsWith('application/json') === true && body.length > 0;
    await sink.whole(status, headers, isJson ? interpretWhole(body, interpreter) : body);
    return;
  }
  let begun = false;
  try {
    for await (const event of eventsOf(body)) {
      const data = event.data === null ? null : interpretText(event.data, interpreter);
      const id = event.id === null || event.id === '' ? event.id : sealEvent(event.id);
      begun = true;
      await sink.event({ ...event, data, id });
    }
    await sink.end();
  } catch (error) {
    if (begun) sink.abort();
    throw error;
  }
}

function interpretWhole(body: Uint8Array, interpreter: Interpreter): Uint8Array {
  const message = readMessage(body);
  const told = interpret(message, interpreter);
  if (told === null) {
    throw new Fault('upstream_garbage', 'The MCP server answered something else than what it was asked.');
  }
  return told === message ? body : utf8(JSON.stringify(told));
}

/** The session of the server is not that of the agent. */
function ownHeaders({ headers }: InnerAnswer): Record<string, string> {
  const { 'mcp-session-id': _, ...own } = headers;
  return own;
}
