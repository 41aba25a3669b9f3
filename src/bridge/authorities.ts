import { errorText, Fault } from '../kernel/fault.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';

/** The authorities that serve one trust domain from one store: whatever one of them is asked, any other answers too. */
export interface Authorities {
  /** In the order they were given. */
  readonly urls: readonly string[];
  /** The one that is asked next. */
  current(): string;
  /** Goes on to the next one, when this is the one that is asked. */
  leave(authority: string): void;
  /**
   * Asks one, and the next when that one is not reached or cannot do its work; each once. Throws what the last of them threw.
   */
  ask<Result>(act: (authority: string) => Promise<Result>): Promise<Result>;
}

/** What is the trouble of one authority and not the answer of all. */
const elsewhere: ReadonlySet<FaultCode> = new Set([
  'unavailable',
  'timed_out',
  'gateway_unreachable',
  'gateway_untrusted',
  'audit_unwritable',
  'clock_behind',
  'key_refused',
]);

/** Begins with the first, and stays with the one that answers. `text`: see `authorityUrls`. */
export function createAuthorities(text: string, log: (line: string) => void): Authorities {
  const urls = authorityUrls(text);
  let at = 0;
  const current = (): string => urls[at] ?? '';
  const leave = (authority: string): void => {
    if (authority === current()) at = (at + 1) % urls.length;
  };
  return {
    urls,
    current,
    leave,
    async ask(act) {
      for (let left = urls.length - 1; ; left -= 1) {
        const authority = current();
        try {
          return await act(authority);
        } catch (error) {
          if (left <= 0 || !(error instanceof Fault) || !elsewhere.has(error.code)) throw error;
          leave(authority);
          log(`${authority} cannot be asked, so ${current()} is: ${errorText(error)}`);
        }
      }
    },
  };
}

/** The URLs of a flag or a setting: one, or several with commas between. */
export function authorityUrls(text: string): readonly string[] {
  return text.split(',').map((each) => each.trim());
}

/** As `Authorities.ask`, for what is asked seldom: from the first one on. */
export async function askAnyAuthority<Result>(
  text: string,
  act: (authority: string) => Promise<Result>,
): Promise<Result> {
  return await createAuthorities(text, () => undefined).ask(act);
}

/** Whether a URL is at one of them. */
export function isAtAuthority(url: string, text: string | null): boolean {
  if (text === null || !URL.canParse(url)) return false;
  return authorityUrls(text).some((authority) => new URL(authority).origin === new URL(url).origin);
}
