import type { Exchange } from '../../http/exchange.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { bodyLimit } from './route.ts';

/** The JSON object that a request carries. Throws Fault `media_type`, `invalid_input` or what reading it throws. */
export async function readObject(exchange: Exchange, limit = bodyLimit): Promise<JsonObject> {
  const type = exchange.headers.get('content-type') ?? '';
  if (!/^application\/json\b/i.test(type)) {
    throw new Fault('media_type', 'Send the body as application/json.');
  }
  const value = parseJson(await exchange.body(limit), { depth: 16, values: 10_000 });
  if (!isJsonObject(value)) throw new Fault('invalid_input', 'The body must be a JSON object.');
  return value;
}

/** A member that has to be a string with something in it. Throws Fault `invalid_input`. */
export function member(input: JsonObject, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '')
    throw new Fault('invalid_input', `The body needs ${name}, a string.`);
  return value;
}

/** Answers with JSON that nobody keeps. */
export async function answerJson(exchange: Exchange, value: Json): Promise<void> {
  await exchange.respond(
    200,
    { 'content-type': 'application/json', 'cache-control': 'no-store' },
    JSON.stringify(value),
  );
}
