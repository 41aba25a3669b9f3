import { z } from 'zod';
import { fromBase64 } from '../../kernel/bytes.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { type Operation, operation } from './operation.ts';
import { rootOcspResponses } from './revocation-operations.ts';

const nothing = z.strictObject({});
const pem = z.string().max(100_000);

/** Replacing the intermediate or the root, step by step. */
export const rotationOperations: readonly Operation[] = [
  operation('rotation.show', false, nothing, async ({ rotation }) => plain(await rotation.status())),
  operation('rotation.request', true, nothing, async ({ rotation }, _input, actor) =>
    plain(await rotation.request(actor.name)),
  ),
  operation(
    'rotation.prepare',
    true,
    z.strictObject({
      certificate: pem,
      root: pem.optional(),
      rootCrl: z.base64().max(1_000_000).optional(),
      ocsp: rootOcspResponses,
    }),
    async ({ rotation, rootOcsp }, { rootCrl, ocsp, ...order }, actor) => {
      const crl = rootCrl === undefined ? undefined : (fromBase64(rootCrl) ?? new Uint8Array());
      const status = await rotation.prepare({ ...order, rootCrl: crl }, actor.name);
      await rootOcsp.keep(ocsp);
      return plain(status);
    },
  ),
  operation(
    'rotation.activate',
    true,
    z.strictObject({ force: z.boolean().default(false) }),
    async ({ rotation }, order, actor) => plain(await rotation.activate(order, actor.name)),
  ),
  operation(
    'rotation.retire',
    true,
    z.strictObject({ force: z.boolean().default(false) }),
    async ({ rotation }, order, actor) => plain(await rotation.retire(order, actor.name)),
  ),
  operation('rotation.abandon', true, nothing, async ({ rotation }, _input, actor) =>
    plain(await rotation.abandon(actor.name)),
  ),
];

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
