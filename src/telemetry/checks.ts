import { errorText } from '../kernel/fault.ts';

/** How one part of the process is. */
export type CheckResult = {
  readonly ok: boolean;
  /** Its state in a word, or why it is not well. */
  readonly detail: string;
};

/** `needed`: while it is not well, nothing can be served; `told`: somebody should know. */
export type CheckWeight = 'needed' | 'told';

/** What the process says of itself. */
export interface Health {
  /** Whether calls can be served now. */
  readonly ready: boolean;
  /** Whether they could be, once at least since the start. */
  readonly started: boolean;
  readonly parts: Readonly<Record<string, CheckResult & { readonly weight: CheckWeight }>>;
}

/** What decides whether the process is ready. Whether it is alive depends on nothing. */
export interface Checks {
  /** Adds a part. The check answers at once, from what is known; what fails counts as not well. Returns how to take it away. */
  add(name: string, weight: CheckWeight, check: () => CheckResult): () => void;
  /** Adds parts that come and go. */
  addAll(weight: CheckWeight, checks: () => Iterable<CheckResult & { readonly name: string }>): void;
  /** Holds readiness off, as while the process drains. Returns how to let go. */
  hold(reason: string): () => void;
  health(): Health;
}

type Row = CheckResult & { readonly name: string; readonly weight: CheckWeight };

export function createChecks(): Checks {
  const sources = new Set<() => readonly Row[]>();
  const holds = new Set<{ readonly reason: string }>();
  let started = false;
  return {
    add(name, weight, check) {
      const source = (): readonly Row[] => [{ name, weight, ...resultOf(check) }];
      sources.add(source);
      return () => void sources.delete(source);
    },
    addAll(weight, checks) {
      sources.add(() => [...checks()].map((check) => ({ ...check, weight })));
    },
    hold(reason) {
      const held = { reason };
      holds.add(held);
      return () => void holds.delete(held);
    },
    health() {
      const rows = [...sources].flatMap((source) => source());
      for (const { reason } of holds)
        rows.push({ name: 'serving', weight: 'needed', ok: false, detail: reason });
      const ready = rows.every(({ ok, weight }) => ok || weight === 'told');
      started ||= ready;
      const parts = rows.map(({ name, ok, detail, weight }) => [name, { ok, detail, weight }] as const);
      return { ready, started, parts: Object.fromEntries(parts) };
    },
  };
}

function resultOf(check: () => CheckResult): CheckResult {
  try {
    return check();
  } catch (error) {
    return { ok: false, detail: errorText(error) };
  }
}
