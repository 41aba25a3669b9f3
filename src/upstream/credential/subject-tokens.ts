/** The newest token of each caller, for what is asked of a server in its name by a session that began earlier. */
export interface SubjectTokens {
  remember(caller: string, token: string): void;
  /** null for a caller that came without. */
  of(caller: string): string | null;
  /** An agent, with whomever it came for. */
  forget(caller: string): void;
}

const mostCallers = 4_096;

export function createSubjectTokens(): SubjectTokens {
  const tokens = new Map<string, string>();
  return {
    remember(caller, token) {
      tokens.delete(caller);
      const [oldest] = tokens.keys();
      if (tokens.size >= mostCallers && oldest !== undefined) tokens.delete(oldest);
      tokens.set(caller, token);
    },
    of: (caller) => tokens.get(caller) ?? null,
    forget(caller) {
      for (const known of tokens.keys()) {
        if (known === caller || known.startsWith(`${caller} `)) tokens.delete(known);
      }
    },
  };
}
