import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import type { Message, Target } from './message.ts';

/** A right that a message needs: a method, used on a target. */
export interface Ask {
  readonly action: string;
  readonly target: Target;
}

/** What a request is about, or the name of the parameter that is missing. */
export function targetOf(method: string, params: JsonObject): Target | { readonly missing: string } {
  switch (method) {
    case 'tools/call':
      return named('tool', params);
    case 'prompts/get':
      return named('prompt', params);
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return typeof params['uri'] === 'string'
        ? { kind: 'resource', uri: params['uri'] }
        : { missing: 'params.uri' };
    case 'completion/complete':
      return completed(params);
    default:
      return { kind: 'server' };
  }
}

function named(kind: 'tool' | 'prompt', params: JsonObject): Target | { readonly missing: string } {
  return typeof params['name'] === 'string' ? { kind, name: params['name'] } : { missing: 'params.name' };
}

function completed(params: JsonObject): Target | { readonly missing: string } {
  const reference = params['ref'];
  if (isJsonObject(reference)) {
    const { type, name, uri } = reference;
    if (type === 'ref/prompt' && typeof name === 'string') return { kind: 'prompt', name };
    if (type === 'ref/resource' && typeof uri === 'string') return { kind: 'resource', uri };
  }
  return { missing: 'params.ref' };
}

/** Every right that a request needs: its own, and that to each resource it wants to hear of. */
export function asksOf(message: Message): readonly Ask[] {
  const own: Ask = { action: message.method ?? 'initialize', target: message.target };
  if (message.method !== 'subscriptions/listen') return [own];
  return [own, ...subscribed(message.params).map((uri) => resourceAsk(uri))];
}

function resourceAsk(uri: string): Ask {
  return { action: 'resources/subscribe', target: { kind: 'resource', uri } };
}

// MCP 2026-07-28, Subscriptions: params.notifications.resourceSubscriptions lists URIs.
function subscribed(params: JsonObject): readonly string[] {
  const wanted = isJsonObject(params['notifications'])
    ? params['notifications']['resourceSubscriptions']
    : null;
  return Array.isArray(wanted) ? wanted.filter((uri: unknown) => typeof uri === 'string') : [];
}
