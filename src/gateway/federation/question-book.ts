import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';

/**
 * What servers of a session have asked its client and not heard of yet. Two servers may use the same id or progress
 * token, so the client sees ones of ours.
 */
export interface QuestionBook {
  /** The question as the client shall see it. */
  ask(server: string, question: JsonObject): JsonObject;
  /** Whose question a response answers, and the response under that server's id; null when nothing is open. */
  answer(response: JsonObject): { readonly server: string; readonly message: JsonObject } | null;
  /** Whose question a progress notification is about, with that server's token. */
  progress(notification: JsonObject): { readonly server: string; readonly message: JsonObject } | null;
  /** A server's cancellation of its own question as the client shall see it, or null when it names none. */
  withdraw(server: string, cancellation: JsonObject): JsonObject | null;
}

interface Open {
  readonly server: string;
  readonly id: Json;
  readonly progressToken: Json | undefined;
}

/** Questions of a session that wait for an answer; the oldest is given up for a new one. */
const mostOpen = 1_000;

export function createQuestionBook(): QuestionBook {
  const open = new Map<string, Open>();
  let last = 0;
  return {
    ask(server, question) {
      last += 1;
      const ours = `ask-${last}`;
      const params = isJsonObject(question['params']) ? question['params'] : {};
      const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
      const { progressToken } = meta;
      open.set(ours, { server, id: question['id'] ?? null, progressToken });
      const [oldest] = open.keys();
      if (open.size > mostOpen && oldest !== undefined) open.delete(oldest);
      const told = progressToken === undefined ? {} : { _meta: { ...meta, progressToken: ours } };
      return { ...question, id: ours, params: { ...params, ...told } };
    },
    answer(response) {
      const ours = textOf(response['id']);
      const asked = open.get(ours);
      if (!asked) return null;
      open.delete(ours);
      return { server: asked.server, message: { ...response, id: asked.id } };
    },
    progress(notification) {
      const params = isJsonObject(notification['params']) ? notification['params'] : {};
      const asked = open.get(textOf(params['progressToken']));
      if (asked?.progressToken === undefined) return null;
      const { server, progressToken } = asked;
      return { server, message: { ...notification, params: { ...params, progressToken } } };
    },
    withdraw(server, cancellation) {
      const params = isJsonObject(cancellation['params']) ? cancellation['params'] : {};
      for (const [ours, asked] of open) {
        if (asked.server !== server || asked.id !== params['requestId']) continue;
        open.delete(ours);
        return { ...cancellation, params: { ...params, requestId: ours } };
      }
      return null;
    },
  };
}

/** Ids and tokens of ours are texts. */
function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
