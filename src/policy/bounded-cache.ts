/** The most recently used answers, as many as the limit holds. */
export interface BoundedCache<Answer> {
  get(key: string): Answer | undefined;
  set(key: string, answer: Answer): void;
  readonly size: number;
}

interface Entry<Answer> {
  readonly answer: Answer;
  readonly octets: number;
  /** When it was put where it stands, counted in puts. */
  put: number;
}

// A longer question is worked out each time, so that a caller cannot fill memory with long names.
const longestKey = 2_000;

/**
 * A cache that forgets what was not used for longest. `limit` and what `octetsOf` says of an answer are octets of
 * memory, roughly; the key counts as well.
 */
export function boundedCache<Answer>(
  limit: number,
  octetsOf: (answer: Answer) => number,
): BoundedCache<Answer> {
  // A Map keeps its order of insertion: the first key is the one unused for longest.
  const answers = new Map<string, Entry<Answer>>();
  let held = 0;
  let puts = 0;
  const forget = (key: string): void => {
    held -= answers.get(key)?.octets ?? 0;
    answers.delete(key);
  };
  return {
    get(key) {
      const entry = answers.get(key);
      if (!entry) return undefined;
      // What stands among the newest is far from being forgotten: it need not move for each use.
      if (puts - entry.put >= answers.size / 2) {
        answers.delete(key);
        answers.set(key, entry);
        entry.put = ++puts;
      }
      return entry.answer;
    },
    set(key, answer) {
      if (key.length > longestKey) return;
      forget(key);
      const octets = 2 * key.length + octetsOf(answer);
      answers.set(key, { answer, octets, put: ++puts });
      held += octets;
      for (const oldest of answers.keys()) {
        if (held <= limit) return;
        forget(oldest);
      }
    },
    get size() {
      return answers.size;
    },
  };
}
