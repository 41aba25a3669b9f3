import { z } from 'zod';
import { type Operation, operation } from './operation.ts';

/** The authorities of the store. */
export const peerOperations: readonly Operation[] = [
  operation('peer.list', false, z.strictObject({}), async ({ peers }) =>
    peers.list().map(({ id, name, url, version, alive, leads, isSelf, issuers }) => ({
      id,
      name,
      url,
      version,
      state: alive ? 'alive' : 'silent',
      leads,
      self: isSelf,
      rotationStep: issuers,
    })),
  ),
];
