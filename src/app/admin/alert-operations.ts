import { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { type Operation, operation } from './operation.ts';

/** What somebody has to look at, and that somebody did. */
export const alertOperations: readonly Operation[] = [
  operation(
    'alert.list',
    false,
    z.strictObject({ all: z.boolean().default(false) }),
    async ({ store }, { all }) => plain(await store.alerts.list(all)),
  ),
  operation(
    'alert.acknowledge',
    true,
    z.strictObject({ id: z.number().int().positive() }),
    async ({ store, audit, clock }, { id }, actor) => {
      const alert = await store.alerts.acknowledge(id, actor.name, clock.now());
      const { cause, name, serial, acknowledgedBy } = alert;
      if (acknowledgedBy === actor.name) {
        await audit.append({ type: 'alert.acknowledged', id, cause, name, serial, actor: actor.name });
      }
      return plain(alert);
    },
  ),
];

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
