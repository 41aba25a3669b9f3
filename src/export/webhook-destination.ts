import type { Webhook } from '../http/webhook.ts';
import type { Clock } from '../kernel/clock.ts';
import { batchId, type Destination, entryId, type ExportBatch } from './destination.ts';
import { requireTaken } from './http-answer.ts';

/**
 * Entries as JSON to a receiver of webhooks, one signed message for each batch; taken is what it answers 2xx to. The id of the
 * message is that of the batch, as `webhook-id` and `Idempotency-Key`.
 */
export function webhookDestination(webhook: Webhook, called: string, clock: Clock): Destination {
  return {
    async deliver(batch, signal) {
      const id = batchId(batch);
      const body = batchText(batch);
      const answer = await webhook.post({ id, body, headers: { 'idempotency-key': id }, signal });
      requireTaken(answer, called, clock.now());
    },
    [Symbol.asyncDispose]: () => webhook[Symbol.asyncDispose](),
  };
}

/** The lines stand in it as they stand in the log, so that a receiver can compare octets. */
function batchText(batch: ExportBatch): string {
  const { origin, entries, checkpoint } = batch;
  const parts = entries.map(
    ({ index, line, hash }) =>
      `{"id":${JSON.stringify(entryId(origin, index))},"hash":"${hash}","entry":${line}}`,
  );
  const head = `"log":${JSON.stringify(origin)},"batch":${JSON.stringify(batchId(batch))}`;
  return `{${head},"checkpoint":${JSON.stringify(checkpoint)},"entries":[\n${parts.join(',\n')}\n]}`;
}
