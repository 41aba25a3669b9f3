import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../audit/events.ts';
import { origin } from '../audit/log.fixture.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Destination, ExportBatch } from './destination.ts';
import { Exporter, type ExporterOptions } from './exporter.ts';

/** A destination in memory: what it was told, and how it answers. */
export interface MemoryDestination extends Destination {
  readonly batches: ExportBatch[];
  /** The indexes of what it took, in order, repetitions and all. */
  taken(): readonly number[];
  /** Called before a batch is taken; what it throws is the answer. */
  answer: (batch: ExportBatch, signal: AbortSignal) => Promise<void>;
}

export function memoryDestination(): MemoryDestination {
  const batches: ExportBatch[] = [];
  const destination: MemoryDestination = {
    batches,
    taken: () => batches.flatMap(({ entries }) => entries.map(({ index }) => index)),
    answer: () => Promise.resolve(),
    async deliver(batch, signal) {
      await destination.answer(batch, signal);
      batches.push(batch);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return destination;
}

/** An exporter that looks and tries often. */
export function exporting(
  folder: string,
  destination: Destination,
  options: Partial<ExporterOptions> = {},
): { readonly exporter: Exporter; readonly events: AuditEvent[]; readonly said: string[] } {
  const events: AuditEvent[] = [];
  const said: string[] = [];
  const exporter = new Exporter({
    name: 'siem',
    folder,
    origin,
    destination,
    limits: { entries: 4, octets: 1_000_000, milliseconds: 0 },
    refused: 'stop',
    lagMilliseconds: Number.MAX_SAFE_INTEGER,
    clock: systemClock,
    record: (event) => void events.push(event),
    log: (line) => void said.push(line),
    pollMilliseconds: 2,
    pauseMilliseconds: 2,
    ...options,
  });
  return { exporter, events, said };
}

/** Waits for a condition, as long as a busy machine may need. */
export async function until(condition: () => boolean): Promise<void> {
  for (let at = 0; at < 6_000 && !condition(); at++) await sleep(5);
  if (!condition()) throw new Error('what was waited for did not come');
}

export function upTo(count: number, from = 0): readonly number[] {
  return Array.from({ length: count - from }, (_, at) => from + at);
}
