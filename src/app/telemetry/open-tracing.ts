import { hostname } from 'node:os';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import { otlpTraces, type Resource } from '../../telemetry/otlp-traces.ts';
import { createSpanExporter, type SpanExporter } from '../../telemetry/span-exporter.ts';
import { createTracer, type Tracer } from '../../telemetry/tracer.ts';
import type { TelemetryConfig } from '../config/telemetry-settings.ts';
import { version } from '../version.ts';
import { openOtlpSender, type OtlpSender } from './otlp-sender.ts';

/** The way to a collector, and what takes spans to it. */
export interface Tracing extends AsyncDisposable {
  /** Null where no trace is taken. */
  readonly tracer: Tracer | null;
  readonly exporter: SpanExporter;
  readonly sender: OtlpSender;
  readonly resource: Resource;
}

/** `service`: what the process is to whoever keeps traces. Throws what reading the file of authorities throws. */
export async function openTracing(
  config: Pick<TelemetryConfig, 'otlp' | 'traces'>,
  ports: { readonly clock: Clock; readonly redactor: Redactor; readonly service: string },
): Promise<Tracing> {
  const { clock, redactor, service } = ports;
  await using opened = new AsyncDisposableStack();
  const secrets = createSecretResolver({ environment: process.env, redactor, clock });
  const sender = opened.use(await openOtlpSender(config, { redactor, secrets }));
  const resource = { name: service, version, instance: `${hostname()}:${process.pid}` };
  const exporter = opened.use(
    createSpanExporter({
      send: (spans) => sender.send('traces', otlpTraces(spans, resource)),
      explain: errorText,
    }),
  );
  const { percent, callers } = config.traces;
  const tracer = percent > 0 ? createTracer({ percent, callers }, { clock, sink: exporter.sink }) : null;
  const held = opened.move();
  return { tracer, exporter, sender, resource, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
