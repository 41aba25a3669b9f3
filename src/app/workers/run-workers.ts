import cluster, { type Worker } from 'node:cluster';
import type { KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { openFlowJournal } from '../../gateway/flow/flow-journal.ts';
import { memoryLimitStore } from '../../gateway/memory-limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { memoryReplays } from '../../oauth/resource/memory-replays.ts';
import { memoryNonces } from '../../oauth/signed-call/memory-nonces.ts';
import type { OwnIdentity } from '../compose/own-identity.ts';
import type { Config } from '../config/config.ts';
import type { FeedTrust } from '../feed/feed-message.ts';
import { type Answers, type Channel, createChannel } from './channel.ts';
import { answerMemories, type Memories } from './shared-memories.ts';
import type { DrainOrder, Hello, PrimaryAnswers, WorkerListening } from './worker-messages.ts';

/** A gateway in several processes that share one port. */
export interface Workers extends AsyncDisposable {
  readonly agents: WorkerListening & { readonly name: string };
  /** As `RunningGateway.drain`. */
  drain(acceptMilliseconds: number, graceMilliseconds: number): Promise<void>;
  /** Asks every worker that is there; those that are being started again are missing. */
  ask<Result>(name: string, value: unknown): Promise<ReadonlyMap<number, Result>>;
  readonly count: number;
}

export interface WorkersOptions {
  readonly count: number;
  readonly hello: Omit<Hello, 'number' | 'material' | 'auditKey'>;
  readonly auditKey: KeyObject;
  readonly identity: Pick<OwnIdentity, 'current' | 'onRenewed'>;
  readonly onTrust?: (trust: FeedTrust) => void;
  readonly staple?: (certificate: Uint8Array) => Promise<Uint8Array | null>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** How many processes are to serve agents. */
export function workersIn({ gateway }: Pick<Config, 'gateway'>): number {
  return gateway.workers === 0 ? availableParallelism() : gateway.workers;
}

/** The wait before a worker that ended is started again, in milliseconds; it doubles while they end soon. */
const shortestWait = 200;
const longestWait = 10_000;
/** A worker that has lived for so long did not end for the reason of the one before. */
const settledMilliseconds = 60_000;

/**
 * Starts the workers and waits until all of them take connections. One that ends is started again, and what it held of
 * limits is given back. Throws the Fault that a worker cannot begin with.
 */
export async function runWorkers(options: WorkersOptions): Promise<Workers> {
  const { count, identity, clock } = options;
  await using opened = new AsyncDisposableStack();
  const memories: Memories = {
    limits: memoryLimitStore(clock),
    nonces: memoryNonces(clock),
    acts: memoryNonces(clock),
    proofs: memoryReplays(clock),
    flow: opened.use(await openFlowJournal(options.hello.flowFile, clock)),
  };
  // One listening socket for all, and whoever is free takes: what a worker has not taken yet is not lost with it, as what was
  // given to it would be, and this process has nothing to do with connections.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ serialization: 'advanced' });
  const slots = Array.from({ length: count }, (_, at) => new Slot(at + 1, options, memories));
  opened.defer(async () => void (await Promise.all(slots.map((slot) => slot.end()))));
  const [agents] = await Promise.all(slots.map((slot) => slot.begin()));
  if (!agents) throw new Fault('internal', 'A gateway was started without a worker.');
  identity.onRenewed((material) => {
    for (const slot of slots) slot.channel?.tell('material', material);
  });
  const held = opened.move();
  return {
    agents: { name: 'agents', ...agents },
    count,
    async drain(acceptMilliseconds, graceMilliseconds) {
      const order: DrainOrder = { acceptMilliseconds, graceMilliseconds };
      await Promise.all(slots.map((slot) => slot.drain(order)));
    },
    async ask<Result>(name: string, value: unknown) {
      const given = await Promise.all(
        slots.map(async (slot) => {
          const answer = await slot.channel?.ask<Result>(name, value).catch(() => undefined);
          return [slot.number, answer] as const;
        }),
      );
      return new Map(
        given.filter(
          (row): row is readonly [number, Awaited<Result>] => row[1] !== undefined && row[1] !== null,
        ),
      );
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** One worker after the other in the same place. */
class Slot {
  readonly number: number;
  channel: Channel | null = null;
  readonly #options: WorkersOptions;
  readonly #memories: Memories;
  readonly #began = Promise.withResolvers<WorkerListening>();
  #worker: Worker | null = null;
  #exited: Promise<void> = Promise.resolve();
  #listening = false;
  #ending = false;
  #failures = 0;

  constructor(number: number, options: WorkersOptions, memories: Memories) {
    this.number = number;
    this.#options = options;
    this.#memories = memories;
  }

  /** Resolves when the first worker takes connections; throws what it cannot begin with. */
  begin(): Promise<WorkerListening> {
    this.#fork();
    return this.#began.promise;
  }

  async drain(order: DrainOrder): Promise<void> {
    this.#ending = true;
    await this.channel?.ask('drain', order).catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#ending = true;
    this.#began.promise.catch(() => undefined);
    this.channel?.tell('end', null);
    const worker = this.#worker;
    const late = setTimeout(() => worker?.process.kill('SIGKILL'), endMilliseconds);
    await this.#exited;
    clearTimeout(late);
  }

  #fork(): void {
    const { clock, log } = this.#options;
    const worker = cluster.fork();
    const begun = clock.monotonic();
    const memories = answerMemories(this.#memories);
    const answers: Answers = { ...this.#answers(), ...memories.answers };
    const channel = createChannel((messages) => {
      // What is sent to one that is going away is lost, as it is itself.
      if (worker.isConnected()) worker.send([...messages], undefined, () => undefined);
    }, answers);
    this.#worker = worker;
    this.channel = channel;
    worker.on('message', (message: unknown) => channel.receive(message));
    worker.on('error', (error) => log(`Worker ${this.number}: ${errorText(error)}`));
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code, signal) => {
        channel.gone();
        memories.gone();
        if (this.channel === channel) this.channel = null;
        resolve();
        this.#ended(signal ?? `code ${code}`, clock.monotonic() - begun);
      });
    });
  }

  #ended(how: string, lived: number): void {
    if (this.#ending) return;
    if (!this.#listening) {
      this.#began.reject(new Fault('unavailable', `Worker ${this.number} ended at its start (${how}).`));
      return;
    }
    this.#failures = lived > settledMilliseconds ? 1 : this.#failures + 1;
    const pause = Math.min(shortestWait * 2 ** (this.#failures - 1), longestWait);
    this.#options.log(`Worker ${this.number} ended (${how}); another takes its place in ${pause} ms.`);
    setTimeout(() => {
      if (!this.#ending) this.#fork();
    }, pause);
  }

  #answers(): Answers {
    const { hello, auditKey, identity, onTrust, staple } = this.#options;
    const answers: PrimaryAnswers = {
      hello: () => ({
        ...hello,
        number: this.number,
        auditFolder: `${hello.auditFolder}-${this.number}`,
        flowFile: `${hello.flowFile}-${this.number}`,
        auditKey: auditKey.export({ type: 'pkcs8', format: 'pem' }),
        material: identity.current(),
      }),
      listening: (at) => {
        this.#listening = true;
        this.#began.resolve(at);
      },
      failed: ({ code, detail }) => this.#began.reject(new Fault(code, detail)),
      trust: (trust) => onTrust?.(trust),
      staple: async (certificate) => (await staple?.(certificate)) ?? null,
    };
    return { ...answers };
  }
}

/** How long a worker that was told to end may take, in milliseconds. */
const endMilliseconds = 5_000;
