import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { Peer, Peers } from './peers.ts';
import { type PeerFacts, readRoll, type Roll, type RollEntry, writeRoll } from './roll.ts';
import type { SharedFacts } from './shared-facts.ts';
import { SightingsOfPeers } from './sightings-of-peers.ts';

const fact = 'authorities';

/** Times in milliseconds: between two signs of life, and after how long a silence an authority is taken for dead. */
export interface PeerTimes {
  readonly beat: number;
  readonly silence: number;
}

export const defaultPeerTimes: PeerTimes = { beat: 1_000, silence: 10_000 };

/** The roll forgets an authority that was silent for so long. */
const forgetAfter = 60 * 60_000;
/** How often a change is tried that somebody else came before. */
const attempts = 20;

/**
 * Enters this authority in the roll of its store and gives signs of life until it is disposed of. Who leads is whoever has led, and when that one
 * is silent whoever sees it first. A leader holds itself for one only half as long as the others do: one that was stopped
 * does not go on where another has begun. Throws what the store throws.
 */
export async function joinPeers(options: {
  readonly id: string;
  readonly facts: SharedFacts;
  readonly says: PeerFacts;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly times?: PeerTimes;
}): Promise<Peers> {
  const peers = new JoinedPeers(options);
  await peers.begin();
  return peers;
}

class JoinedPeers implements Peers {
  readonly self: string;
  readonly #options: Parameters<typeof joinPeers>[0];
  readonly #times: PeerTimes;
  readonly #life = randomId();
  readonly #sightings: SightingsOfPeers;
  readonly #listeners = new Set<() => Promise<void>>();
  readonly #busy = new Map<() => Promise<void>, Promise<void>>();
  /** What was said last of one that failed. */
  readonly #said = new WeakMap<() => Promise<void>, string>();
  #says: PeerFacts;
  #roll: Roll = readRoll(null);
  /** Monotonic time of before the last sign of life that the store has taken. */
  #beatAt = Number.NEGATIVE_INFINITY;
  #replaced = false;
  #failing = false;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(options: Parameters<typeof joinPeers>[0]) {
    this.#options = options;
    this.#times = options.times ?? defaultPeerTimes;
    this.#sightings = new SightingsOfPeers(this.#times.silence);
    this.#says = options.says;
    this.self = options.id;
  }

  async begin(): Promise<void> {
    await this.#beat();
    this.#wait();
  }

  list(): readonly Peer[] {
    const { leader, peers } = this.#roll;
    return Object.entries(peers).map(([id, { life: _life, beat: _beat, ...facts }]) => ({
      ...facts,
      id,
      isSelf: id === this.self,
      alive: id === this.self ? this.isCurrent() : this.#sightings.isAlive(id, this.#now()),
      leads: id === leader,
    }));
  }

  isGone(id: string | null): boolean {
    if (id === null) return true;
    // What this process has not begun was begun by one before it, which is dead: the folder was locked.
    if (id === this.self) return true;
    return !this.#sightings.isAlive(id, this.#now());
  }

  leads(): boolean {
    return this.#roll.leader === this.self && this.#sinceBeat() < this.#times.silence / 2 && !this.#replaced;
  }

  isCurrent(): boolean {
    return this.#sinceBeat() < this.#times.silence / 2 && !this.#replaced;
  }

  say(facts: Partial<PeerFacts>): void {
    this.#says = { ...this.#says, ...facts };
  }

  onBeat(listener: () => Promise<void>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#running;
    await Promise.all(this.#busy.values());
    await this.#leave().catch(() => undefined);
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  #sinceBeat(): number {
    return this.#now() - this.#beatAt;
  }

  #wait(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#turn();
    }, this.#times.beat);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#beat();
      if (this.#failing) log('The store is reached again.');
      this.#failing = false;
      this.#tell();
    } catch (error) {
      if (!this.#failing) log(`The others cannot be told that this authority is alive: ${errorText(error)}`);
      this.#failing = true;
    } finally {
      this.#wait();
    }
  }

  /** One that takes long holds up neither the others nor the next sign of life. */
  #tell(): void {
    for (const listener of this.#listeners) {
      if (this.#busy.has(listener)) continue;
      const done = listener()
        .catch((error: unknown) => this.#complain(listener, errorText(error)))
        .finally(() => this.#busy.delete(listener));
      this.#busy.set(listener, done);
    }
  }

  #complain(listener: () => Promise<void>, text: string): void {
    if (this.#said.get(listener) !== text) {
      this.#options.log(`What other authorities did could not be followed, and is again soon: ${text}`);
    }
    this.#said.set(listener, text);
  }

  async #beat(): Promise<void> {
    const began = this.#now();
    await this.#change((roll) => {
      const own = roll.peers[this.self];
      if (own && own.life !== this.#life && this.#beatAt > Number.NEGATIVE_INFINITY) {
        this.#replaced = true;
        throw new Fault(
          'conflict',
          'another process is this authority now: its folder was copied. Nothing is issued here any more; stop it, and join with a folder of its own.',
        );
      }
      const mine: RollEntry = { ...this.#says, life: this.#life, beat: (own?.beat ?? 0) + 1 };
      const kept = Object.entries(roll.peers).filter(
        ([id]) => this.#sightings.silentFor(id, began) < forgetAfter,
      );
      const peers = { ...Object.fromEntries(kept), [this.self]: mine };
      const { leader } = roll;
      if (leader === this.self || (leader !== null && this.#sightings.isAlive(leader, began))) {
        return { ...roll, peers };
      }
      return { leader: this.self, term: roll.term + 1, peers };
    }, began);
    this.#beatAt = began;
  }

  /** An authority that ends in order need not be waited for. */
  async #leave(): Promise<void> {
    if (this.#replaced) return;
    await this.#change((roll) => {
      const peers = Object.fromEntries(Object.entries(roll.peers).filter(([id]) => id !== this.self));
      return { ...roll, leader: roll.leader === this.self ? null : roll.leader, peers };
    }, this.#now());
  }

  async #change(to: (roll: Roll) => Roll, began: number): Promise<void> {
    const { facts } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const stored = await facts.get(fact);
      const roll = readRoll(stored);
      this.#sightings.look(roll, began);
      const next = to(roll);
      if (!(await facts.swap(fact, stored, writeRoll(next)))) continue;
      this.#roll = next;
      this.#sightings.look(next, began);
      return;
    }
    throw new Fault('unavailable', 'The roll of authorities changes all the time. It is tried again.');
  }
}
