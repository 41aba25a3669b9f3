import { LikelyCuts } from '../secrets/redaction/likely-cuts.ts';
import type { LikelySecrets } from '../secrets/redaction/likely-secrets.ts';
import type { Redactor } from '../secrets/redact.ts';

/** Cuts secrets out of what an agent, and so a model, is answered. */
export interface AnswerGuard {
  /** For one answer of a server; null where nothing is looked for, and its octets pass untouched. */
  begin(server: string): AnswerCuts | null;
  /** An answer of our own in JSON: it may quote a server. */
  own(json: string): string;
}

/** Cuts one answer, whole or in pieces. */
export interface AnswerCuts {
  headers(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
  /** Itself where nothing was found. */
  whole(answer: Uint8Array): Uint8Array;
  /** What may be passed on now that a piece of the event stream has come. */
  push(piece: Uint8Array): Uint8Array;
  /** What was held back at the end of the stream. */
  end(): Uint8Array;
  /** What was cut so far, for the record; undefined for nothing. Never what it was. */
  readonly made: CutsMade | undefined;
}

/** How many times something was cut out, by what gave it away. */
export interface CutsMade {
  /** Values that the gateway holds for servers, in any form. */
  readonly known: number;
  /** What looks like a secret; left out where nothing of the kind is looked for. */
  readonly likely?: number;
}

/** What besides known values is cut out, and of the answers of which servers. */
export interface LikelyGuard {
  readonly secrets: Pick<LikelySecrets, 'find'>;
  wants(server: string): boolean;
}

export function createAnswerGuard(redactor: Redactor, likely: LikelyGuard | null = null): AnswerGuard {
  return {
    begin(server) {
      if (likely?.wants(server)) return bothCuts(cutsOf(redactor), new LikelyCuts(likely.secrets, 'json'));
      return redactor.knowsAny ? cutsOf(redactor) : null;
    },
    own: (json) => {
      const { octets, marks } = redactor.cut(Buffer.from(json), 'json');
      return marks === 0 ? json : Buffer.from(octets).toString();
    },
  };
}

/** What is known first: it is found for certain, and a mark looks like nothing. */
function bothCuts(known: AnswerCuts, likely: LikelyCuts): AnswerCuts {
  return {
    headers: (headers) => known.headers(headers),
    whole: (answer) => likely.whole(known.whole(answer)),
    push: (piece) => likely.push(known.push(piece)),
    end: () => Buffer.concat([likely.push(known.end()), likely.end()]),
    get made() {
      if (likely.marks === 0) return known.made;
      return { known: known.made?.known ?? 0, likely: likely.marks };
    },
  };
}

function cutsOf(redactor: Redactor): AnswerCuts {
  const stream = redactor.stream('json');
  let known = 0;
  return {
    headers(headers) {
      const values = Object.values(headers).join('\n');
      if (redactor.redact(values) === values) return headers;
      return Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, redactor.redact(value)]),
      );
    },
    whole(answer) {
      const { octets, marks } = redactor.cut(answer, 'json');
      known += marks;
      return octets;
    },
    push: (piece) => stream.push(piece),
    end: () => stream.end(),
    get made() {
      const all = known + stream.marks;
      return all === 0 ? undefined : { known: all };
    },
  };
}
