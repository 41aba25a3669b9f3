import cluster from 'node:cluster';
import { createPrivateKey } from 'node:crypto';
import { createAuthorities } from '../../bridge/authorities.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { AdminIdentity } from '../admin/remote-administration.ts';
import { remoteApprovals } from '../approvals/remote-approvals.ts';
import { composeGateway, type RunningGateway } from '../compose/compose-gateway.ts';
import type { OwnIdentity } from '../compose/own-identity.ts';
import { tellAuthorities } from '../compose/tell-authorities.ts';
import type { Config } from '../config/config.ts';
import { followRemoteFeed } from '../feed/remote-feed.ts';
import { type Channel, createChannel } from './channel.ts';
import { openTelemetry } from '../telemetry/open-telemetry.ts';
import { watchProcess } from '../telemetry/watch-process.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { reportOf } from './workers-health.ts';
import { askedMemories } from './shared-memories.ts';
import type { DrainOrder, Hello, WorkerListening } from './worker-messages.ts';

/** Whether this process was started by another one of the same command, to be one of several. */
export const isWorker = (): boolean => cluster.isWorker;

export interface WorkerOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly log: (line: string) => void;
}

/** One of several processes of a gateway: takes connections until the process that started it says otherwise, or is gone. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  // The process that started it decides when it ends; a terminal and systemd send signals to all.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const service = 'countersign-gateway';
  await using telemetry = await openTelemetry(options.config, { ...options, service });
  using _process = watchProcess(telemetry, options.clock);
  const ended = Promise.withResolvers<void>();
  process.once('disconnect', () => ended.resolve());
  let gateway: RunningGateway | null = null;
  const renewed: ((material: TlsMaterial) => void)[] = [];
  let material: TlsMaterial | null = null;
  const channel = createChannel(
    (messages) => {
      // What is sent to a process that is gone is lost, and so are we.
      process.send?.([...messages], undefined, {}, () => undefined);
    },
    {
      end: () => ended.resolve(),
      drain: async ({ acceptMilliseconds, graceMilliseconds }: DrainOrder) => {
        await gateway?.drain(acceptMilliseconds, graceMilliseconds);
      },
      material: (next: TlsMaterial) => {
        material = next;
        for (const listener of renewed) listener(next);
      },
      health: () => gateway && reportOf(telemetry),
      secret: (reference: string) => gateway?.checkSecret(reference),
    },
  );
  process.on('message', (message: unknown) => channel.receive(message));
  const hello = await channel.ask<Hello>('hello', null);
  material = hello.material;
  const identity: OwnIdentity = {
    current: () => material ?? hello.material,
    onRenewed: (listener) => void renewed.push(listener),
    [Symbol.dispose]: () => undefined,
  };
  try {
    await using running = await open(hello, identity, channel, { ...options, telemetry });
    gateway = running;
    const { host, port, url } = running.agents;
    await channel.ask('listening', { host, port, url } satisfies WorkerListening);
    await ended.promise;
  } catch (error) {
    const { code, message } = toFault(error);
    await channel.ask('failed', { code, detail: message }).catch(() => undefined);
    throw error instanceof Fault ? error : new Fault('internal', message, { cause: error });
  } finally {
    // Or the process would wait for more of it.
    process.disconnect?.();
  }
}

async function open(
  hello: Hello,
  identity: OwnIdentity,
  channel: Channel,
  { config, clock, redactor, log, telemetry }: WorkerOptions & { readonly telemetry: Telemetry },
): Promise<RunningGateway> {
  const authorities = createAuthorities(hello.authorities, log);
  const shown = (): AdminIdentity => {
    const { certificate, key, clientAuthorities } = identity.current();
    return { certificate, key, authorities: clientAuthorities };
  };
  const numbered = `worker-${hello.number}`;
  return await composeGateway({
    config,
    clock,
    trustDomain: hello.trustDomain,
    identity,
    auditFolder: hello.auditFolder,
    exportsFile: hello.exportsFile,
    name: hello.name === null ? numbered : `${hello.name}/${numbered}`,
    flowFile: hello.flowFile,
    auditKey: createPrivateKey(hello.auditKey),
    // A memory that is shared by all gateways is shared by their workers.
    ...(config.sharedMemory.url === '' && { memories: askedMemories(channel) }),
    follow: async (listener) =>
      followRemoteFeed({
        authorities,
        identity: shown,
        listener(message, saidAt) {
          if ('trust' in message && message.trust) channel.tell('trust', message.trust);
          listener(message, saidAt);
        },
        clock,
        log,
      }),
    ...tellAuthorities(authorities, shown),
    approvals: remoteApprovals(authorities, shown),
    staple: (certificate) => channel.ask<Uint8Array | null>('staple', certificate),
    redactor,
    log,
    telemetry,
  });
}
