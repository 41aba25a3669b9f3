import type { Message } from '../mcp/message.ts';
import { mirroredName } from '../mcp/check-headers.ts';
import type { SealOwner } from './state-seal.ts';

/** Whose a text is that a server gave out. Bound to the agent, and to the person it acts for (`partyOf`), so that it outlives a renewal. */
export interface Holder {
  readonly party: string;
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
export function taskOwner({ party }: Pick<Holder, 'party'>): SealOwner {
  return { party, purpose: 'task', of: '' };
}

export function stateOwner({ party, server }: Holder, { method, name }: Subject): SealOwner {
  // What one method of a task is told, another one of the same task is asked with.
  const act = method.startsWith('tasks/') ? 'tasks' : method;
  return { party, purpose: 'request-state', of: JSON.stringify([server, act, name]) };
}

export function cursorOwner({ party, server }: Holder, method: string): SealOwner {
  return { party, purpose: 'cursor', of: JSON.stringify([server, method]) };
}
