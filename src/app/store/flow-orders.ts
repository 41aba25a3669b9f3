import type { Forgetting } from '../../gateway/flow/flow-memory.ts';

/** The orders to forget what agents have used; gateways get them with everything else that changes. */
export interface FlowOrders {
  /** The newest for an agent and a person counts. Resolves when it is durable. */
  put(order: Forgetting): Promise<void>;
}
