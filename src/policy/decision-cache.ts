/** The most recently used answers, at most `limit` of them. */
export interface DecisionCache<Answer> {
  get(key: string): Answer | undefined;
  set(key: string, answer: Answer): void;
  readonly size: number;
}

// A longer question is decided each time, so that a caller cannot fill memory with long names.
const longestKey = 2_000;

/** A cache that forgets what was not used for longest. */
export function decisionCache<Answer>(limit: number): DecisionCache<Answer> {
  // A Map keeps its order of insertion: the first key is the one unused for longest.
  const answers = new Map<string, Answer>();
  return {
    get(key) {
      const answer = answers.get(key);
      if (answer === undefined) return undefined;
      answers.delete(key);
      answers.set(key, answer);
      return answer;
    },
    set(key, answer) {
      if (key.length > longestKey) return;
      answers.delete(key);
      answers.set(key, answer);
      if (answers.size <= limit) return;
      const [oldest] = answers.keys();
      if (oldest !== undefined) answers.delete(oldest);
    },
    get size() {
      return answers.size;
    },
  };
}
