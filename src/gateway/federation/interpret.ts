import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { QuestionBook } from './question-book.ts';
import { readMessage } from './read-answer.ts';
import { callForAgent, resultForAgent } from './to-agent.ts';

/** The request that a server is heard for. */
export interface Heard {
  /** undefined when its answer is heard elsewhere. */
  readonly id: Json | undefined;
  readonly progressToken: Json;
}

/** How what one server says is put into the terms of all servers, and what it may say at all. */
export interface Interpreter {
  readonly server: string;
  /** Where questions of the server are kept; null in the modern era, which has none. */
  readonly questions: QuestionBook | null;
  /**
   * The requests that the server may answer or tell the progress of. Another id would be that of a request to another
   * server, whose answer this one could make up.
   */
  readonly heard: readonly Heard[];
}

/**
 * A message of a server as the agent shall see it: the same object where nothing has to be changed, null when it is not
 * for the agent.
 */
export function interpret(message: Json, interpreter: Interpreter): Json {
  if (isJsonArray(message)) {
    // MCP 2025-03-26: a batch.
    const told = message.map((each) => interpret(each, interpreter)).filter((each) => each !== null);
    if (told.length === 0) return null;
    return told.length === message.length && told.every((each, at) => each === message[at]) ? message : told;
  }
  if (!isJsonObject(message)) return null;
  return typeof message['method'] === 'string'
    ? call(message, message['method'], interpreter)
    : response(message, interpreter);
}

function response(message: JsonObject, { server, heard }: Interpreter): Json {
  const { id, result } = message;
  // An error about the message whole has no id.
  const awaited = heard.filter((request) => request.id !== undefined);
  if (awaited.length === 0 || !(id === null || awaited.some((request) => request.id === id))) return null;
  if (!isJsonObject(result)) return message;
  const told = resultForAgent(result, server);
  return told === result ? message : { ...message, result: told };
}

function call(message: JsonObject, method: string, { server, questions, heard }: Interpreter): Json {
  const { id } = message;
  const params = isJsonObject(message['params']) ? message['params'] : {};
  const told = callForAgent(message, server);
  // MCP 2026-07-28: servers ask in results.
  if (id !== undefined && id !== null) return questions ? questions.ask(server, told) : null;
  switch (method) {
    case 'notifications/progress': {
      const { progressToken } = params;
      const own = heard.some(
        (request) => request.progressToken !== null && request.progressToken === progressToken,
      );
      return own ? told : null;
    }
    case 'notifications/cancelled':
      if (questions) return questions.withdraw(server, told);
      return heard.some((request) => request.id === params['requestId']) ? told : null;
    default:
      return told;
  }
}

/** The text of an event in the terms of all servers; null when nothing is left of it. */
export function interpretText(text: string, interpreter: Interpreter): string | null {
  if (text === '') return text;
  const message = readMessage(text);
  const told = interpret(message, interpreter);
  if (told === null) return null;
  return told === message ? text : JSON.stringify(told);
}
