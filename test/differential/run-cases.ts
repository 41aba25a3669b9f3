import { compare, type Pair, type Tally } from './compare.ts';
import { generateRequests } from './generated-requests.ts';
import { generateResponses } from './generated-responses.ts';
import { NodeReading } from './node-reading.ts';
import { RequestPair } from './request-pair.ts';
import { ResponsePair } from './response-pair.ts';
import { randomOfCase } from './seeded-random.ts';

export type Kind = 'requests' | 'responses';

export interface Run {
  readonly kind: Kind;
  readonly seed: number;
  /** The number of the first case. */
  readonly first: number;
  /** It ends when at least so many messages were taken or refused. */
  readonly messages: number;
}

export interface Outcome {
  readonly tally: Tally;
  /** Each with the octets that make it, piece by piece; the first few. */
  readonly differences: readonly string[];
}

/** Pairs that run side by side. */
const width = 256;
const mostDifferences = 20;

/** Generates connections and compares what both readers take from them. */
export async function runCases({ kind, seed, first, messages }: Run): Promise<Outcome> {
  const tally: Tally = { cases: 0, judged: 0, same: 0, stricter: 0, refusedByBoth: 0 };
  const differences: string[] = [];
  const places = Array.from({ length: width }, () => new Place(kind));
  for (let from = first; tally.judged < messages && differences.length < mostDifferences; from += width) {
    const pairs = places.map((place, at) => place.pair(seed, from + at));
    for (const { place, what } of await compare(pairs, tally)) {
      differences.push(`seed ${seed}, case ${from + place}: ${what}\n  ${places[place]?.octets}`);
    }
  }
  return { tally, differences };
}

/** One of the places at which pairs run: its parsers are used again. */
class Place {
  private readonly kind: Kind;
  private readonly node: NodeReading;
  private readonly client = new NodeReading('responses');
  private sent: () => unknown = () => null;

  constructor(kind: Kind) {
    this.kind = kind;
    this.node = new NodeReading(kind);
  }

  /** What was sent, as JSON. */
  get octets(): string {
    return JSON.stringify(this.sent());
  }

  pair(seed: number, index: number): Pair {
    const random = randomOfCase(seed, index);
    if (this.kind === 'requests') {
      const pieces = generateRequests(random);
      this.sent = () => pieces.map(latin1);
      return new RequestPair(pieces, this.node, this.client);
    }
    const turns = generateResponses(random);
    this.sent = () => turns.map(({ method, pieces }) => [method, ...pieces.map(latin1)]);
    return new ResponsePair(turns, this.node);
  }
}

function latin1(piece: Buffer): string {
  return piece.toString('latin1');
}
