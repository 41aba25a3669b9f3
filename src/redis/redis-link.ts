import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { randomFraction, randomId } from '../kernel/random.ts';
import { readFacts, unfitness } from './check-server.ts';
import { type LuaScript, luaScript, luaTime } from './lua-script.ts';
import { RedisConnection, type RedisCredentials } from './redis-connection.ts';
import type { RedisPlace } from './redis-place.ts';

export interface RedisLinkOptions {
  readonly place: RedisPlace;
  /** Asked for every connection, so that a password that was changed counts. */
  readonly credentials: () => Promise<RedisCredentials>;
  readonly clock: Clock;
  /** How long an answer is waited for; the server counts as away after that. */
  readonly waitMilliseconds: number;
  /** Whose the keys are: the trust domain. */
  readonly domain: string;
  readonly scripts: readonly LuaScript[];
  /** Told when it is away, and why, and when it is back (null). */
  readonly onChange: (away: string | null) => void;
  /** The time that counts, for specifications; the server's own unless given. */
  readonly time?: () => number;
}

/** How the shared memory is. */
export interface LinkState {
  readonly up: boolean;
  readonly detail: string;
  /** How often it went away so far. */
  readonly timesAway: number;
}

/** How long the places of a gateway are kept after its last word, in milliseconds. */
export const leaseMilliseconds = 15_000;
const beatMilliseconds = 1_000;
/** How often it is looked whether the server may still be relied on, in beats. */
const beatsPerCheck = 10;
const [firstPause, longestPause] = [100, 2_000];
/** After so long without trouble, the next trouble is a new one. Milliseconds. */
const goodMilliseconds = 10_000;
/** How far the clocks of a gateway and of the server may differ, in milliseconds. */
export const mostClockDifference = 5_000;

const beat = luaScript(`${luaTime}
return {redis.call('PEXPIRE', KEYS[1], ARGV[1]), string.format('%.3f', theTime(''))}`);

/**
 * The way to the shared memory. It is up, or away from the first thing that goes wrong until a new connection has been made and looked at;
 * while it is away nothing is sent, and whoever asks is told at once.
 */
export class RedisLink implements AsyncDisposable {
  /** What every key begins with. The braces keep all of them in one place wherever keys are spread. */
  readonly prefix: string;
  readonly #options: RedisLinkOptions;
  readonly #listeners: (() => void)[] = [];
  #connection: RedisConnection | null = null;
  #generation = '';
  #why = 'not connected yet';
  #timesAway = 0;
  #attempts = 0;
  #upSince = 0;
  #clockDifference = 0;
  #beats = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  private constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.prefix = `countersign:{${options.domain}}:`;
  }

  /** Resolves after the first try, whether it came to something or not; further ones follow by themselves. */
  static async open(options: RedisLinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options);
    await link.#connect();
    return link;
  }

  get state(): LinkState {
    return { up: this.#connection !== null, detail: this.#why, timesAway: this.#timesAway };
  }

  get up(): boolean {
    return this.#connection !== null;
  }

  /** Names what this gateway holds by this connection; another one after each trouble. */
  get generation(): string {
    return this.#generation;
  }

  /** The key that is there for as long as the holder of a generation is. */
  get aliveKeys(): string {
    return `${this.prefix}alive:`;
  }

  /** How far this clock is ahead of the server's, in milliseconds. */
  get clockDifference(): number {
    return this.#clockDifference;
  }

  /** The time for scripts: empty for the server's own. */
  get time(): string {
    return this.#options.time ? String(this.#options.time()) : '';
  }

  /** Tells each time it comes up, before anything else is sent. Called at once when it is. */
  onUp(listener: () => void): void {
    this.#listeners.push(listener);
    if (this.up) listener();
  }

  /** Carries a script out. Throws Fault `unavailable` while the server is away, and when it goes away over this. */
  async run(script: LuaScript, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    const connection = this.#connection;
    if (!connection) throw away(this.#why);
    try {
      return await connection.send(['EVALSHA', script.sha, String(keys.length), ...keys, ...values]);
    } catch (cause) {
      throw away(errorText(cause), cause);
    }
  }

  /** Takes an answer that no server of ours gives for trouble, and returns the fault of it. */
  refuseAnswer(): Fault {
    const why = 'it gave an answer that cannot be read';
    this.#connection?.end(why);
    return away(why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    const connection = this.#connection;
    // Its places come back at once.
    await connection?.send(['DEL', this.aliveKeys + this.#generation]).catch(() => undefined);
    connection?.end('closed');
  }

  async #connect(): Promise<void> {
    const { place, clock, waitMilliseconds } = this.#options;
    let ended: string | null = null;
    let opened: RedisConnection | null = null;
    try {
      const credentials = await this.#options.credentials();
      const connection = await RedisConnection.open({
        place,
        credentials,
        clock,
        waitMilliseconds,
        onEnd: (why) => {
          ended = why;
          if (opened !== null && this.#connection === opened) this.#goAway(why);
        },
      });
      opened = connection;
      const generation = await this.#greet(connection);
      if (ended !== null || this.#closed) throw new Error(ended ?? 'closed');
      this.#comeUp(connection, generation);
    } catch (error) {
      opened?.end(errorText(error));
      this.#stayAway(errorText(error));
    }
  }

  /** Looks at the server, and says that we are here. */
  async #greet(connection: RedisConnection): Promise<string> {
    await this.#check(connection);
    for (const { text } of [beat, ...this.#options.scripts]) await connection.send(['SCRIPT', 'LOAD', text]);
    const generation = randomId();
    // What the connection before held is not ours any more; what is open is said anew.
    if (this.#generation !== '') await connection.send(['DEL', this.aliveKeys + this.#generation]);
    await connection.send(['SET', this.aliveKeys + generation, '1', 'PX', String(leaseMilliseconds)]);
    await this.#readBeat(connection, generation);
    return generation;
  }

  async #check(connection: RedisConnection): Promise<void> {
    const info = await connection.send(['INFO']);
    const why = typeof info === 'string' ? unfitness(readFacts(info)) : 'it does not say what it is';
    if (why !== null) throw new Error(why);
  }

  async #readBeat(connection: RedisConnection, generation: string): Promise<void> {
    const alive = this.aliveKeys + generation;
    const { clock } = this.#options;
    const before = clock.now();
    const reply = await connection.send(['EVALSHA', beat.sha, '1', alive, String(leaseMilliseconds)]);
    const [kept, time] = Array.isArray(reply) ? (reply as unknown[]) : [];
    const there = Number(time);
    if (kept !== 1 || !Number.isFinite(there)) throw new Error('it no longer knows this gateway');
    this.#clockDifference = this.#options.time ? 0 : (before + clock.now()) / 2 - there;
  }

  #comeUp(connection: RedisConnection, generation: string): void {
    this.#connection = connection;
    this.#generation = generation;
    this.#upSince = this.#options.clock.monotonic();
    this.#why = 'connected';
    this.#beats = 0;
    this.#options.onChange(null);
    for (const listener of this.#listeners) listener();
    this.#later(beatMilliseconds, () => this.#beat(connection));
  }

  async #beat(connection: RedisConnection): Promise<void> {
    if (this.#connection !== connection) return;
    try {
      await this.#readBeat(connection, this.#generation);
      this.#beats += 1;
      if (this.#beats % beatsPerCheck === 0) await this.#check(connection);
    } catch (error) {
      connection.end(errorText(error));
      return;
    }
    if (this.#connection === connection) this.#later(beatMilliseconds, () => this.#beat(connection));
  }

  #goAway(why: string): void {
    this.#connection = null;
    this.#why = why;
    if (this.#closed) return;
    this.#timesAway += 1;
    if (this.#options.clock.monotonic() - this.#upSince > goodMilliseconds) this.#attempts = 0;
    this.#options.onChange(why);
    this.#again();
  }

  /** A try that came to nothing. */
  #stayAway(why: string): void {
    if (this.#closed) return;
    const first = this.#timesAway === 0 && this.#attempts === 0;
    this.#why = why;
    if (first) {
      this.#timesAway = 1;
      this.#options.onChange(why);
    }
    this.#again();
  }

  #again(): void {
    const pause = Math.min(firstPause * 2 ** this.#attempts, longestPause);
    this.#attempts = Math.min(this.#attempts + 1, 10);
    this.#later(pause * (0.5 + randomFraction() / 2), () => this.#connect());
  }

  #later(milliseconds: number, act: () => Promise<void>): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void act(), milliseconds).unref();
  }
}

function away(why: string, cause?: unknown): Fault {
  const detail = 'The memory that gateways share is away, so this cannot be told. Try again in a moment.';
  return new Fault('unavailable', detail, {
    cause: cause ?? new Error(why),
    retryAfterMilliseconds: 1_000,
  });
}
