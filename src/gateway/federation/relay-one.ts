import { utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { InnerAnswer } from './inner-exchange.ts';
import type { QuestionBook } from './question-book.ts';
import { eventsOf, readMessage } from './read-answer.ts';
import type { Sink } from './sink.ts';
import { callForAgent, resultForAgent, type Subject, type Wording } from './to-agent.ts';

/** How what one server says is put into the terms of all servers. */
export interface Interpreter {
  readonly wording: Wording;
  /** What was asked; null on a stream that belongs to no request. */
  readonly subject: Subject | null;
  /** Where questions of the server are kept; null in the modern era, which has none. */
  readonly questions: QuestionBook | null;
  /** The session whose events are told; '' in the modern era, whose events have no ids. */
  readonly session: string;
}

/** Relays the answer of one server; what names nothing keeps its octets. Throws Fault `upstream_garbage`. */
export async function relayOne(answer: InnerAnswer, sink: Sink, interpreter: Interpreter): Promise<void> {
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
      begun = true;
      await sink.event({ ...event, data, id: event.id === null ? null : sealEvent(event.id, interpreter) });
    }
    await sink.end();
  } catch (error) {
    if (begun) sink.abort();
    throw error;
  }
}

/** A message of a server as the agent shall see it, or null when it is not for the agent. */
export function interpret(message: Json, interpreter: Omit<Interpreter, 'session'>): Json {
  if (!isJsonObject(message)) return message;
  const { wording, subject, questions } = interpreter;
  const { method, id, result } = message;
  if (typeof method !== 'string') {
    if (!isJsonObject(result)) return message;
    const told = resultForAgent(result, subject ?? { method: '', name: '' }, wording);
    return told === result ? message : { ...message, result: told };
  }
  const call = callForAgent(message, wording);
  if (!questions) return call;
  if (id !== undefined && id !== null) return questions.ask(wording.server, call);
  return method === 'notifications/cancelled' ? questions.withdraw(wording.server, call) : call;
}

/** The text of an event in the terms of all servers; null when nothing is left of it. */
export function interpretText(text: string, interpreter: Omit<Interpreter, 'session'>): string | null {
  if (text === '') return text;
  const message = readMessage(text);
  const told = interpret(message, interpreter);
  if (told === null) return null;
  return told === message ? text : JSON.stringify(told);
}

function interpretWhole(body: Uint8Array, interpreter: Interpreter): Uint8Array {
  const message = readMessage(body);
  const told = interpret(message, interpreter);
  return told === message ? body : utf8(JSON.stringify(told));
}

/** The id of an event of one server, so that only this agent can go on from it, and only there. */
function sealEvent(id: string, { wording, session }: Interpreter): string {
  const { seal, server, spiffeId } = wording;
  return id === '' ? id : seal.seal([server, id], { spiffeId, purpose: 'event', of: session });
}

/** The session of the server is not that of the agent. */
function ownHeaders({ headers }: InnerAnswer): Record<string, string> {
  const { 'mcp-session-id': _, ...own } = headers;
  return own;
}
