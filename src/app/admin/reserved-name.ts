import { Fault } from '../../kernel/fault.ts';
import { authorityName, type LeafKind } from '../../x509/leaf-profile.ts';

/** What a certificate is asked for. */
interface Asked {
  readonly name: string;
  readonly kind: LeafKind;
}

/**
 * Refuses the name by which bridges and gateways know the authority itself. Throws Fault `conflict`.
 */
export function refuseReserved<Order extends Asked>(order: Order): Order {
  if (order.kind !== 'server' || order.name !== authorityName) return order;
  throw new Fault(
    'conflict',
    `A server certificate named ${authorityName} is the authority's own. Choose another name.`,
  );
}
