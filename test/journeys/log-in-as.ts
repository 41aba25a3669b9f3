import { type LoggedIn, logIn, type LoginOptions } from '../../src/bridge/login/log-in.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Town } from './deployment.ts';
import type { PersonBrowser, Typed } from './person-browser.ts';

/** Somebody in front of a browser. */
export interface PersonAtBrowser {
  /** What they type into the pages of the provider. */
  readonly typed: Typed;
  readonly browser: PersonBrowser;
  /** Where identities lie, as XDG_STATE_HOME. */
  readonly state: string;
}

/** `countersign login` in this process, with a person who goes through the provider's pages; `visit` takes the place of the browser. */
export async function logInAs(
  { typed, browser, state }: PersonAtBrowser,
  town: Town,
  more: Partial<LoginOptions> = {},
  visit: (url: string) => Promise<unknown> = (url) => browser.visit(url, typed),
): Promise<LoggedIn> {
  const pages: Promise<unknown>[] = [];
  try {
    return await logIn({
      authority: town.authorityUrl,
      agent: null,
      provider: null,
      again: false,
      way: 'browser',
      port: null,
      authorityFile: null,
      rootFingerprint: town.deployment.authority.describe().rootFingerprint,
      stateFolder: null,
      environment: { XDG_STATE_HOME: state },
      clock: systemClock,
      signal: AbortSignal.timeout(20_000),
      pause: async () => undefined,
      say: () => undefined,
      showPage: (url) => void pages.push(visit(url)),
      showCode: ({ url, code }) => void pages.push(browser.visit(url, { ...typed, user_code: code })),
      ...more,
    });
  } finally {
    await Promise.all(pages);
  }
}
