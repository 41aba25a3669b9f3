import type { TlsMaterial } from '../http/exchange.ts';
import type { HttpEngine } from '../http/http-engine.ts';
import { assertNever } from '../kernel/assert-never.ts';
import type { Clock } from '../kernel/clock.ts';
import { createRedactor, type Redactor } from '../secrets/redact.ts';
import { createSecretResolver, type Secrets } from '../secrets/resolve.ts';
import type { ChildWarden } from './child-warden.ts';
import { lookOnce, type Machine } from './isolation/machine.ts';
import { createSubjectTokens, type SubjectTokens } from './credential/subject-tokens.ts';
import { createHttpUpstream } from './http-upstream.ts';
import { defaultUpstreamLimits, type UpstreamLimits } from './limits.ts';
import type { ServerDefinition } from './server-definition.ts';
import { createSseUpstream } from './sse-upstream.ts';
import { createStdioUpstream } from './stdio-upstream.ts';
import type { Upstream } from './upstream.ts';
import { withCircuit } from './with-circuit.ts';

export interface TransportOptions {
  readonly clock: Clock;
  /** The gateway's own certificate as of now; a renewed one is used from the next connection on. */
  readonly identity: () => Pick<TlsMaterial, 'certificate' | 'key'>;
  /** Told what a child writes to its standard error, and of trouble with servers. Secrets are cut out. */
  readonly log: (line: string) => void;
  /** Where `env:` references and a child's PATH and LANG come from; the process's own unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Learns every secret that is used. */
  readonly redactor?: Redactor;
  /** Turns references into secrets; the environment and files alone unless given. */
  readonly secrets?: Secrets;
  readonly limits?: Partial<UpstreamLimits>;
  /** Who speaks HTTP to servers; `wire` unless given. */
  readonly engine?: HttpEngine;
  /** Ends children of stdio servers should this process be killed; without it they end by themselves, if at all. */
  readonly warden?: ChildWarden;
  /** What this machine has to isolate servers with; looked at for this server unless given. */
  readonly machine?: () => Promise<Machine>;
  /** The newest tokens of callers; its own unless given. */
  readonly subjects?: SubjectTokens;
}

/** The way to a server in what it speaks itself. Nothing is opened or started before the first request. */
export function createTransport(definition: ServerDefinition, options: TransportOptions): Upstream {
  const { clock, identity, environment = process.env, redactor = createRedactor(), warden = null } = options;
  const { subjects = createSubjectTokens() } = options;
  const machine = options.machine ?? lookOnce(environment['PATH'] ?? '');
  const shared = {
    clock,
    limits: { ...defaultUpstreamLimits, ...options.limits, ...definition.timeouts },
    secrets: options.secrets ?? createSecretResolver({ environment, redactor, clock }),
    log: (line: string) => options.log(redactor.redact(line)),
  };
  const { limits, log } = shared;
  const learn = (secret: string, life?: number): void => void redactor.learn(secret, life);
  const connecting = { ...shared, identity, engine: options.engine ?? 'wire', learn, subjects };
  const guarded = (transport: Upstream, callersShare: boolean): Upstream =>
    withCircuit(transport, { clock, limits: limits.circuit, shared: callersShare, log });
  switch (definition.transport) {
    case 'http':
      return guarded(createHttpUpstream(definition, connecting), true);
    case 'sse':
      return guarded(createSseUpstream(definition, connecting), true);
    case 'stdio':
      return guarded(createStdioUpstream(definition, { ...shared, environment, warden, machine }), false);
    default:
      return assertNever(definition);
  }
}
