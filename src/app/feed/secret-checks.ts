import { Fault } from '../../kernel/fault.ts';

/** Whether a secret reference resolves, and where; never its value. */
export interface SecretCheck {
  readonly reference: string;
  readonly resolves: boolean;
  /** Where it was looked for. */
  readonly holder: string;
  /** For how long its holder gave it, in seconds; null when it said nothing. */
  readonly leaseSeconds: number | null;
  /** Why not, with what the holder said. */
  readonly problem: { readonly code: string; readonly reason: string } | null;
}

type Check = (reference: string) => Promise<SecretCheck>;

/** Asks the gateway in this process; those elsewhere answer on their own machine. */
export interface SecretChecks {
  /** Throws Fault `not_found` when no gateway runs in this process. */
  check: Check;
  answeredBy(check: Check): Disposable;
}

export function createSecretChecks(): SecretChecks {
  let answers: Check | null = null;
  return {
    async check(reference) {
      if (answers) return await answers(reference);
      throw new Fault(
        'not_found',
        'No gateway runs beside this authority. Where one runs alone, name its folder: --state FOLDER.',
      );
    },
    answeredBy(check) {
      answers = check;
      return { [Symbol.dispose]: () => void (answers = null) };
    },
  };
}
