import { type Checks, createChecks } from './checks.ts';
import { createMeters, type Meters } from './meters.ts';
import type { MetricId } from './metric-catalogue.ts';
import type { Tracer } from './tracer.ts';

/** What a process measures and says of itself; made once by the wiring. */
export interface Telemetry {
  readonly meters: Meters;
  readonly checks: Checks;
  /** Null where nothing is traced. */
  readonly tracer: Tracer | null;
}

/** Nothing is traced unless a tracer is given. `most`: how many rows families of measurements may have, where that is not a thousand. */
export function createTelemetry(
  most: Partial<Record<MetricId, number>> = {},
  tracer: Tracer | null = null,
): Telemetry {
  return { meters: createMeters(most), checks: createChecks(), tracer };
}
