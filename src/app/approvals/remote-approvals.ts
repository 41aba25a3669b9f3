import { z } from 'zod';
import type { Authorities } from '../../bridge/authorities.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type AdminIdentity, callAuthority } from '../admin/remote-administration.ts';
import type { AuthorityApprovals } from './gateway-approvals.ts';

/** The queue of an authority elsewhere, over mutual TLS with the certificate of the gateway. */
export function remoteApprovals(
  authorities: Pick<Authorities, 'ask'>,
  identity: () => AdminIdentity,
): AuthorityApprovals {
  const post = (path: string, body: Json): Promise<Json> =>
    authorities.ask((authority) => callAuthority(new URL(`/v1/calls/${path}`, authority), identity(), body));
  return {
    async ask(call) {
      const asks = call.asks.map((ask) => ({ ...ask }));
      return read(standing, await post('ask', { ...call, asks, params: JSON.stringify(call.params) }));
    },
    async use({ id, digest }) {
      return read(used, await post('use', { id, digest })).used;
    },
    async withdraw({ id, digest }) {
      await post('withdraw', { id, digest });
    },
  };
}

const standing = z.object({
  id: z.string(),
  state: z.enum(['waiting', 'granted', 'refused']),
  expiresAt: z.number(),
  reason: z.string().nullable(),
});
const used = z.object({ used: z.boolean() });

function read<Shape extends z.ZodType>(shape: Shape, answer: Json): z.output<Shape> {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new Fault('unavailable', 'The authority answered something else than how the call stands.');
}
