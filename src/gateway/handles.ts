import type { Message } from '../mcp/message.ts';
import { mirroredName } from '../mcp/check-headers.ts';
import type { SealOwner } from './state-seal.ts';

/** Whose a text is that a server gave out. Bound to the agent's SPIFFE ID, so that it outlives a renewal. */
export interface Holder {
  readonly spiffeId: string;
  readonly server: string;
}

/** What a request was about: a request state opens for the same again only. */
export interface Subject {
  readonly method: string;
  readonly name: string;
}

export function subjectOf({ method, params }: Message): Subject {
  return { method: method ?? '', name: mirroredName(method, params) ?? '' };
}

/** The server is among the sealed parts: whoever holds the id of a task can be told where it runs. */
export function taskOwner({ spiffeId }: Pick<Holder, 'spiffeId'>): SealOwner {
  return { spiffeId, purpose: 'task', of: '' };
}

export function stateOwner({ spiffeId, server }: Holder, { method, name }: Subject): SealOwner {
  // What one method of a task is told, another one of the same task is asked with.
  const act = method.startsWith('tasks/') ? 'tasks' : method;
  return { spiffeId, purpose: 'request-state', of: JSON.stringify([server, act, name]) };
}

export function cursorOwner({ spiffeId, server }: Holder, method: string): SealOwner {
  return { spiffeId, purpose: 'cursor', of: JSON.stringify([server, method]) };
}
