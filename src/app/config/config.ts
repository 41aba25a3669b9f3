import { z } from 'zod';
import type { HttpEngine } from '../../http/http-engine.ts';
import { acmeSettings } from './acme-settings.ts';
import { type AlertConfig, alertSettings } from './alert-settings.ts';
import { type AuditConfig, auditSettings } from './audit-settings.ts';
import { type DrainConfig, drainSettings, workersSetting } from './fleet-settings.ts';
import { type LoggingConfig, loggingSettings } from './logging-settings.ts';
import { type ScepConfig, scepSettings } from './scep-settings.ts';
import { type SealingConfig, sealingSettings } from './sealing-settings.ts';
import { type SecretConfig, secretSettings } from './secret-settings.ts';
import { type SharedMemoryConfig, sharedMemorySettings } from './shared-memory-settings.ts';
import { type TelemetryConfig, telemetrySettings } from './telemetry-settings.ts';
import { type TokenConfig, tokenSettings } from './token-settings.ts';

/** One place to listen. */
export interface ListenerConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Names besides the loopback ones that the Host header may carry; no ports. */
  readonly hosts: readonly string[];
  /** Origins of web pages that may call. */
  readonly origins: readonly string[];
  readonly tlsMinimum: 'TLSv1.3' | 'TLSv1.2';
}

/** Everything that can be chosen, read once at the start and never changed. */
export interface Config {
  readonly listeners: {
    readonly agents: ListenerConfig;
    readonly authority: ListenerConfig;
    readonly people: ListenerConfig;
    readonly plain: ListenerConfig;
    readonly ops: ListenerConfig;
  };
  readonly http: {
    readonly engine: HttpEngine;
  };
  readonly authority: {
    readonly renewalGraceMinutes: number;
    readonly subAgents: number;
    readonly widerPolicies: 'at-once' | 'wait';
    readonly acme: {
      readonly door: 'open' | 'closed';
      readonly addresses: readonly string[];
      readonly resolvers: readonly string[];
      readonly httpPort: number;
      readonly tlsPort: number;
    };
    readonly scep: ScepConfig;
    readonly alerts: AlertConfig;
    readonly tokens: TokenConfig;
    readonly sealing: SealingConfig;
    readonly publicUrl: string;
    readonly crlMinutes: number;
  };
  readonly secrets: SecretConfig;
  readonly audit: AuditConfig;
  readonly sharedMemory: SharedMemoryConfig;
  readonly telemetry: TelemetryConfig;
  readonly logging: LoggingConfig;
  readonly gateway: {
    readonly publicUrl: string;
    readonly audit: 'durable' | 'queued';
    readonly stalenessMilliseconds: number;
    readonly concurrentPerAgent: number;
    readonly callsPerSecondPerAgent: number;
    readonly connectionsPerAgent: number;
    readonly stalledReaderMilliseconds: number;
    readonly silentStreamMilliseconds: number;
    readonly bodyBytes: number;
    readonly bodyMilliseconds: number;
    readonly jsonDepth: number;
    readonly jsonValues: number;
    readonly approvalWaitMilliseconds: number;
    readonly listMilliseconds: number;
    readonly sessionsPerAgent: number;
    readonly sessionIdleMilliseconds: number;
    readonly toolsMilliseconds: number;
    readonly drain: DrainConfig;
    readonly workers: number;
  };
}

const hostPattern = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/;
/** RFC 5280 §8: fetched in plain HTTP, since TLS would need what is fetched. */
const publicUrlPattern =
  /^(http:\/\/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?)?$/;
/** RFC 8707 §2: the resource of a server is this and its path. */
const gatewayUrlPattern =
  /^(https:\/\/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?)?$/;
const originPattern = /^https?:\/\/[a-z0-9.-]+(:\d{1,5})?$/;

/**
 * The configuration file. The one place that holds each setting's bounds, default, meaning and the reason for the
 * default: the JSON Schema for editors and `docs/defaults.md` are made from it.
 */
export const configSchema = z
  .strictObject({
    listeners: z
      .strictObject({
        agents: tlsListener(8443, 'Agents: requires a certificate, speaks MCP only.'),
        authority: tlsListener(8444, 'Enrolment, renewal and administration; asks for a certificate.'),
        people: tlsListener(8445, 'Browsers; never asks for a certificate.'),
        plain: plainListener(8446, 'CRLs, OCSP and CA certificates over HTTP.'),
        ops: plainListener(8447, 'Health and metrics.'),
      })
      .prefault({}),
    http: z
      .strictObject({
        engine: z.enum(['wire', 'node']).default('wire').meta({
          description:
            'Who reads and writes HTTP/1.1 at every listener and towards MCP servers: wire is our own, node is node:http and undici.',
          reason:
            'Ours refuses more and costs less; node is the reference that it is held against, and the way back.',
        }),
      })
      .prefault({}),
    authority: z
      .strictObject({
        renewalGraceMinutes: whole(0, 10_080, 0, {
          description: 'How long after its end a certificate may still be renewed, in minutes.',
          reason:
            'An ended certificate proves nothing unless somebody decides so; machines that sleep need some hours.',
        }),
        subAgents: whole(0, 1_000, 0, {
          description:
            'How many agents one agent may enrol below itself, with certificates of minutes and roles of its own; 0 for none.',
          reason:
            'An agent that makes others needs somebody who wants that; each is cut off with the one above it.',
        }),
        widerPolicies: z.enum(['at-once', 'wait']).default('at-once').meta({
          description:
            'Whether a changed policy folder that may allow more takes force at once, or waits until an administrator approves it whose certificate is not the one in the data folder.',
          reason:
            'One person can begin; who wants two eyes more says so. What allows nothing more never waits.',
        }),
        acme: acmeSettings,
        scep: scepSettings,
        alerts: alertSettings,
        tokens: tokenSettings,
        sealing: sealingSettings,
        publicUrl: z.string().regex(publicUrlPattern).max(300).default('').meta({
          description:
            'Where others reach the plain listener, such as http://pki.example.internal; new certificates then name their CRL, OCSP responder and issuer there. Empty: they name none.',
          reason: 'Only you know the name; gateways of ours are told of revocations and need none of it.',
        }),
        crlMinutes: whole(2, 44_640, 1_440, {
          description: 'How long a CRL may be used, in minutes; a new one comes when half of it is over.',
          reason:
            'Half a day to mend what keeps an authority from publishing; a revocation is published at once anyway.',
        }),
      })
      .prefault({}),
    secrets: secretSettings,
    audit: auditSettings,
    sharedMemory: sharedMemorySettings,
    telemetry: telemetrySettings,
    logging: loggingSettings,
    gateway: z
      .strictObject({
        publicUrl: z.string().regex(gatewayUrlPattern).max(300).default('').meta({
          description:
            'Where agents reach the gateways, such as https://mcp.example.internal; the servers have their names for tokens below it. Empty: the address of the agents listener.',
          reason: 'Only you know the name; the authority and every gateway are told the same.',
        }),
        audit: z.enum(['durable', 'queued']).default('durable').meta({
          description:
            'When a permitted call is forwarded: once its record is on the disk (durable), or once it is taken to be written within 50 ms (queued).',
          reason:
            'No call without a record, whatever crashes. Queued costs less, and a crash may lose the records of the last moment.',
        }),
        stalenessMilliseconds: whole(1_000, 3_600_000, 5_000, {
          description:
            'How long the gateway decides without having heard from the authority, in milliseconds.',
          reason: 'Five missed heartbeats are no accident, and a revocation waits no longer than this.',
        }),
        concurrentPerAgent: whole(1, 10_000, 32, {
          description: 'Calls that one agent may have open at once.',
          reason:
            'More than an agent with parallel tools uses; few enough that one cannot starve the others.',
        }),
        callsPerSecondPerAgent: whole(1, 1_000_000, 1_000, {
          description: 'Calls of one agent in a second, evenly; twice as many may come at once.',
          reason:
            'More than any agent that waits for answers makes, and about a tenth of what one core carries.',
        }),
        connectionsPerAgent: whole(1, 1_000_000, 256, {
          description: 'Connections that one agent may have open at once.',
          reason: 'Eight times its open calls; at 60 KiB each they hold 15 MiB at most.',
        }),
        stalledReaderMilliseconds: whole(100, 3_600_000, 30_000, {
          description:
            'How long an agent may take for each 256 KiB of an answer before it is cut off, in milliseconds.',
          reason: '9 KiB a second is a poor line; whoever reads less holds memory and a place for nothing.',
        }),
        silentStreamMilliseconds: whole(1_000, 604_800_000, 3_600_000, {
          description: 'After how long without an event a stream is ended, in milliseconds.',
          reason:
            'A client that still wants news opens the stream again; one that has forgotten it gives its place back.',
        }),
        bodyBytes: whole(1_024, 64 * 1_048_576, 4 * 1_048_576, {
          description: 'Largest request body, in octets.',
          reason: 'Holds an image as base64; a larger file belongs in a resource, not in an argument.',
        }),
        bodyMilliseconds: whole(100, 600_000, 30_000, {
          description: 'Longest time a request body may take to arrive, in milliseconds.',
          reason: '4 MiB over a slow line; a body that trickles longer only holds a place.',
        }),
        jsonDepth: whole(4, 1_000, 64, {
          description: 'How deep arrays and objects of a message may nest.',
          reason: 'Real tool arguments stay below ten; recursion over hostile ones stays cheap.',
        }),
        jsonValues: whole(16, 10_000_000, 100_000, {
          description: 'How many values a message may hold.',
          reason: 'Bounds the memory that 4 MiB of JSON can turn into.',
        }),
        approvalWaitMilliseconds: whole(0, 600_000, 45_000, {
          description:
            'How long a call that policy asks about is held until somebody has decided, in milliseconds; then it is refused with the id to come again for.',
          reason:
            'Most clients give a call up after a minute; whoever approves within this is not noticed at all.',
        }),
        listMilliseconds: whole(50, 300_000, 3_000, {
          description: 'How long a list at /mcp waits for one of the servers, in milliseconds.',
          reason: 'A person waits so long for a list; what a server misses now is there the next time.',
        }),
        sessionsPerAgent: whole(1, 1_000, 16, {
          description: 'Sessions that one agent may have at /mcp; the one not used for longest makes room.',
          reason: 'As many as at one stdio server; abandoned sessions do not pile up.',
        }),
        sessionIdleMilliseconds: whole(1_000, 86_400_000, 1_800_000, {
          description: 'How long a session at /mcp that nobody uses is kept, in milliseconds.',
          reason: 'A person comes back after a meeting; a client that does not starts a new one by itself.',
        }),
        toolsMilliseconds: whole(0, 3_600_000, 60_000, {
          description:
            'How long the definitions that a server listed are taken for those it has; then a call has them read again, with 0 every call.',
          reason:
            'As long as a client may keep a list. A server that says its tools changed is asked at once.',
        }),
        drain: drainSettings,
        workers: workersSetting,
      })
      .prefault({}),
  })
  .meta({ title: 'Countersign configuration' });

/** The checked settings as the frozen value that the program works with. */
export function toConfig(settings: z.output<typeof configSchema>): Config {
  const { agents, authority, people, plain, ops } = settings.listeners;
  // Plain listeners have no TLS to choose; the member is there so that all five are one type.
  const listeners = {
    agents,
    authority,
    people,
    plain: { ...plain, tlsMinimum: 'TLSv1.3' as const },
    ops: { ...ops, tlsMinimum: 'TLSv1.3' as const },
  };
  const {
    http,
    authority: ofAuthority,
    secrets,
    audit,
    sharedMemory,
    telemetry,
    logging,
    gateway,
  } = settings;
  return freeze({
    listeners,
    http,
    authority: ofAuthority,
    secrets,
    audit,
    sharedMemory,
    telemetry,
    logging,
    gateway,
  });
}

function tlsListener(port: number, description: string) {
  return z
    .strictObject({
      ...listenerMembers(port),
      tlsMinimum: z.enum(['TLSv1.3', 'TLSv1.2']).default('TLSv1.3').meta({
        description: 'Oldest TLS version that is spoken.',
        reason:
          'Encrypts the certificates of the handshake; every client of ours and every current one has it.',
      }),
    })
    .prefault({})
    .meta({ description });
}

function plainListener(port: number, description: string) {
  return z.strictObject(listenerMembers(port)).prefault({}).meta({ description });
}

function listenerMembers(port: number) {
  return {
    host: z.string().regex(hostPattern).default('127.0.0.1').meta({
      description: 'Address or name to listen on.',
      reason: 'Nothing is reachable from elsewhere until somebody decides so.',
    }),
    port: whole(0, 65_535, port, {
      description: 'TCP port; 0 takes any free one.',
      reason: 'Above 1023, so that no privilege is needed; next to the others.',
    }),
    hosts: z.array(z.string().regex(hostPattern)).default([]).meta({
      description: 'Names besides the loopback ones that the Host header may carry, without port.',
      reason: 'A name that was not expected is a page that rebinds DNS.',
    }),
    origins: z.array(z.string().regex(originPattern)).default([]).meta({
      description: 'Origins of web pages that may call, such as https://console.example.internal.',
      reason: 'Agents are not web pages.',
    }),
  };
}

function whole(
  minimum: number,
  maximum: number,
  value: number,
  words: { description: string; reason: string },
) {
  return z.int().min(minimum).max(maximum).default(value).meta(words);
}

function freeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) freeze(member as object);
  }
  return Object.freeze(value);
}
