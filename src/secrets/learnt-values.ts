import type { Clock } from '../kernel/clock.ts';
import type { Redactor } from './redact.ts';

/** How long after it was replaced a value is still looked for: whoever was sent it may repeat it. Milliseconds. */
const echoMilliseconds = 3_600_000;

/** Has the redactor know the value of each reference for as long as it is in use, and for a while after that. */
export class LearntValues {
  readonly #redactor: Pick<Redactor, 'learn' | 'forget'>;
  readonly #clock: Clock;
  readonly #onPlain: (reference: string) => void;
  readonly #inUse = new Map<string, string>();
  readonly #leaving: { readonly value: string; readonly until: number }[] = [];

  /** `onPlain` is told of a reference whose value is short or plain, so that it is not looked for. */
  constructor(
    redactor: Pick<Redactor, 'learn' | 'forget'>,
    clock: Clock,
    onPlain: (reference: string) => void = () => undefined,
  ) {
    this.#redactor = redactor;
    this.#onPlain = onPlain;
    this.#clock = clock;
  }

  /** Throws Fault `secret_unresolved` when the redactor can hold no more: what cannot be cut out is not used. */
  use(reference: string, value: string): void {
    const before = this.#inUse.get(reference);
    if (before === value) return;
    if (!this.#redactor.learn(value)) this.#onPlain(reference);
    this.#inUse.set(reference, value);
    const now = this.#clock.monotonic();
    while (this.#leaving[0] !== undefined && this.#leaving[0].until <= now) {
      const left = this.#leaving.shift();
      if (left) this.#redactor.forget(left.value);
    }
    if (before !== undefined) this.#leaving.push({ value: before, until: now + echoMilliseconds });
  }
}
