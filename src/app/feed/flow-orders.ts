import type { Forgetting } from '../../gateway/flow/flow-memory.ts';
import type { FeedMessage } from './feed-message.ts';

/** The orders to forget what agents have used that a message brings. */
export function flowOrdersIn(message: FeedMessage): readonly Forgetting[] {
  if (message.type === 'snapshot') return message.registry.flowOrders ?? [];
  if (message.type !== 'change' || message.change.kind !== 'flow-order') return [];
  return message.change.value ? [message.change.value] : [];
}
