import { utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import type { Inbound, Message } from './message.ts';
import { eraOf } from './revisions.ts';
import { targetOf } from './targets.ts';

/** A body of one message that the gateway itself puts together, to be read by a revision. */
export function composeInbound(value: JsonObject, revision: string): Inbound {
  const message = composeMessage(value, revision);
  return {
    messages: [message],
    batch: false,
    era: message.era,
    revision,
    bytes: utf8(JSON.stringify(value)),
  };
}

function composeMessage(value: JsonObject, revision: string): Message {
  const method = typeof value['method'] === 'string' ? value['method'] : null;
  const id = typeof value['id'] === 'string' || typeof value['id'] === 'number' ? value['id'] : null;
  const params = isJsonObject(value['params']) ? value['params'] : {};
  const kind = method === null ? 'response' : id === null ? 'notification' : 'request';
  const target = method !== null && kind === 'request' ? targetOf(method, params) : null;
  const args = params['arguments'];
  return {
    kind,
    era: eraOf(revision),
    revision,
    id,
    method,
    params,
    target: target && !('missing' in target) ? target : { kind: 'server' },
    arguments: isJsonObject(args) ? args : {},
    value,
  };
}
