import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Client, WholeResponse } from '../../http/fetch.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Destination } from '../destination.ts';
import { requireTaken } from '../http-answer.ts';
import { otlpRequest } from './otlp-request.ts';

export interface OtlpPlace {
  /** For people. */
  readonly called: string;
  /** With its path, usually `/v1/logs`. */
  readonly url: string;
  /** Headers with what the receiver wants to see, asked for with each batch. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  /** Of this program. */
  readonly version: string;
}

/** Beside the event loop. */
const compress = promisify(gzip);

/**
 * Log records to a receiver of OTLP over HTTP, JSON encoded. An answer of partial success that counts rejected records says that they
 * will not be taken (OTLP 1.x, Partial Success).
 */
export function otlpDestination(place: OtlpPlace, client: Client, clock: Clock): Destination {
  const { called, url, version } = place;
  return {
    async deliver(batch, signal) {
      const body = await compress(JSON.stringify(otlpRequest(batch, version)));
      const answer = await client.request({
        method: 'POST',
        url,
        headers: {
          ...(await place.headers()),
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
        body,
        signal,
      });
      requireTaken(answer, called, clock.now());
      const rejected = rejectedIn(answer);
      if (rejected > 0) {
        throw new Fault(
          'export_refused',
          `${called} rejected ${rejected} of ${batch.entries.length} records.`,
        );
      }
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** How many records an answer says were rejected; none when it says nothing that can be read. */
function rejectedIn(answer: WholeResponse): number {
  if (answer.body.length === 0) return 0;
  try {
    const read = answer.json();
    const partial = isJsonObject(read) ? read['partialSuccess'] : null;
    // int64 is a text in the JSON encoding; receivers that write a number are understood.
    const count = isJsonObject(partial) ? Number(partial['rejectedLogRecords'] ?? 0) : 0;
    return Number.isFinite(count) ? count : 0;
  } catch {
    return 0;
  }
}
