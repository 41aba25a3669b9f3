import type { FeedMessage } from '../feed/feed-message.ts';

/** The agents that a message of the feed takes a right from: their children and sessions at the servers end. */
export function agentsWithoutRight(message: FeedMessage): readonly string[] {
  if (message.type === 'snapshot') {
    return message.registry.agents.filter(({ state }) => state !== 'active').map(({ name }) => name);
  }
  if (message.type !== 'change') return [];
  const { change } = message;
  if (change.kind === 'agent') return change.value?.state === 'active' ? [] : [change.key];
  if (change.kind === 'certificate' && change.value?.state === 'revoked') return [change.value.name];
  return [];
}
