import { z } from 'zod';

const collectorPattern =
  /^(https:\/\/[^\s?#@]+|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(\/[^\s?#]*)?)?$/;

/** What is measured and traced beyond what costs nothing, and where it is sent. */
export interface TelemetryConfig {
  readonly countedAgents: number;
  readonly otlp: {
    readonly url: string;
    readonly authorization: string;
    readonly ca: string;
    readonly addresses: 'public' | 'any';
    readonly metricsSeconds: number;
  };
  readonly traces: { readonly percent: number; readonly callers: 'continue' | 'link' };
}

const otlpSettings = z
  .strictObject({
    url: z
      .string()
      .regex(collectorPattern, 'must be a URL of https, or of http on this machine')
      .max(1_000)
      .default('')
      .meta({
        description:
          'A collector of OpenTelemetry that speaks OTLP/HTTP, such as https://otel.example.internal:4318; /v1/traces and /v1/metrics are below it. Empty: nothing is traced or sent.',
        reason: 'Only you know who keeps traces; /metrics is there without it.',
      }),
    authorization: z
      .string()
      .regex(/^((env:[A-Za-z_][A-Za-z0-9_]*|file:\/\S+))?$/, 'must be env:NAME or file:/path')
      .max(1_000)
      .default('')
      .meta({
        description:
          'Where the value of the header Authorization for the collector is, as env:NAME or file:/path.',
        reason: 'A collector of your own in your own network often wants none.',
      }),
    ca: z.string().max(1_000).default('').meta({
      description:
        'A file with the only authorities that vouch for the collector, in PEM; empty: those of the system.',
      reason: 'A collector outside has a certificate that the system knows.',
    }),
    addresses: z.enum(['public', 'any']).default('public').meta({
      description: 'Whether the collector may have an address that is not public.',
      reason:
        'A name that leads into the own network is a way to ask it for something; only you can say that it is meant.',
    }),
    metricsSeconds: z.int().min(0).max(3_600).default(0).meta({
      description: 'How often the metrics are sent to the collector, in seconds; 0 for never.',
      reason: 'Most have them fetched by Prometheus, and twice is once too often.',
    }),
  })
  .prefault({});

const traceSettings = z
  .strictObject({
    percent: z.int().min(0).max(100).default(100).meta({
      description: 'How many of a hundred traces are taken, where there is a collector.',
      reason: 'Who names a collector wants to see something at once; a busy gateway takes fewer.',
    }),
    callers: z.enum(['continue', 'link']).default('continue').meta({
      description:
        'Whether the trace that a caller says its request is part of goes on here, or a new one begins that points to it.',
      reason:
        'Agents are known by their certificates, and a trace that ends at the gateway explains little. What they say of sampling decides nothing.',
    }),
  })
  .prefault({});

/** The `telemetry` section. */
export const telemetrySettings = z
  .strictObject({
    countedAgents: z.int().min(0).max(10_000).default(200).meta({
      description: 'How many agents are counted one by one in the metrics; the others are counted together.',
      reason: 'Each is up to three rows in whatever keeps the metrics. 0 keeps names of agents out of it.',
    }),
    otlp: otlpSettings,
    traces: traceSettings,
  })
  .prefault({});
