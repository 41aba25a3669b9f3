import { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { type Operation, operation } from './operation.ts';

const nothing = z.strictObject({});
const pem = z.string().max(100_000);

/** Replacing the intermediate, step by step. */
export const rotationOperations: readonly Operation[] = [
  operation('rotation.show', false, nothing, async ({ rotation }) => plain(await rotation.status())),
  operation('rotation.request', true, nothing, async ({ rotation }, _input, actor) =>
    plain(await rotation.request(actor.name)),
  ),
  operation(
    'rotation.prepare',
    true,
    z.strictObject({ certificate: pem }),
    async ({ rotation }, { certificate }, actor) => plain(await rotation.prepare(certificate, actor.name)),
  ),
  operation('rotation.activate', true, nothing, async ({ rotation }, _input, actor) =>
    plain(await rotation.activate(actor.name)),
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
