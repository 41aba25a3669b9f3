import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { KnownForms } from './known-forms.ts';
import { type Form, formsOf } from './secret-forms.ts';

interface Value {
  readonly forms: readonly Form[];
  /** How often it was learnt and not forgotten. */
  count: number;
  /** On the monotonic clock; infinite for what has no end of its own. */
  until: number;
}

/** Memory that all forms together may take, in octets. */
const mostOctets = 128 * 1024 * 1024;
/** What a form takes besides its octets. */
const octetsPerForm = 400;

/** The values that are looked for: until they are forgotten, or until their life is over. */
export class KnownValues {
  private readonly values = new Map<string, Value>();
  private readonly forms: KnownForms;
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly most: number;
  private octets = 0;
  private nextSweep = 0;

  constructor(forms: KnownForms, clock: Pick<Clock, 'monotonic'>, most = mostOctets) {
    this.forms = forms;
    this.clock = clock;
    this.most = most;
  }

  /**
   * False for a value that is not worth hiding. Throws Fault `secret_unresolved` when no more can be held: what could
   * not be cut out of an answer is not used either.
   */
  learn(value: string, life: number): boolean {
    const now = this.clock.monotonic();
    const held = this.values.get(value);
    if (held) {
      held.count += 1;
      held.until = Math.max(held.until, now + life);
      return true;
    }
    if (now >= this.nextSweep) this.sweep(now);
    const forms = formsOf(value);
    if (forms.length === 0) return false;
    const more = sizeOf(forms);
    if (this.octets + more > this.most) this.sweep(now);
    if (this.octets + more > this.most) {
      const detail = `${this.values.size} secrets are held already, and one that could not be cut out of answers and logs is not used. Use fewer, or shorter ones.`;
      throw new Fault('secret_unresolved', detail);
    }
    this.octets += more;
    this.values.set(value, { forms, count: 1, until: now + life });
    this.forms.add(forms);
    return true;
  }

  forget(value: string): void {
    const held = this.values.get(value);
    if (!held || --held.count > 0) return;
    this.drop(value, held);
  }

  private sweep(now: number): void {
    this.nextSweep = now + sweepMilliseconds;
    for (const [value, held] of this.values) if (held.until <= now) this.drop(value, held);
  }

  private drop(value: string, { forms }: Value): void {
    this.values.delete(value);
    this.forms.remove(forms);
    this.octets -= sizeOf(forms);
  }
}

const sweepMilliseconds = 10_000;

function sizeOf(forms: readonly Form[]): number {
  return forms.reduce((sum, { octets }) => sum + octets.length + octetsPerForm, 0);
}
