import type { Exchange } from '../../http/exchange.ts';
import { listen } from '../../http/listen.ts';
import { answerProblem } from '../../http/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';

/** A loopback page that a provider sends the browser back to. */
export interface Callback extends AsyncDisposable {
  readonly url: string;
  /** The parameters that came back; the browser waits until it is told. Throws the reason of the signal. */
  answer(signal: AbortSignal): Promise<URLSearchParams>;
  /** Tells the browser how it went. */
  conclude(problem: keyof typeof pages | null): void;
}

const path = '/callback';
const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};
const pages = {
  refused: 'The provider did not log you in. The terminal says why.',
  failed: 'The login failed. The terminal says why.',
};

/** Opens the page; `ours` tells which answers are to be taken. Throws Fault `port_taken`. */
export async function openCallback(options: {
  readonly port: number | null;
  readonly clock: Clock;
  readonly ours: (query: URLSearchParams) => boolean;
}): Promise<Callback> {
  const { port, clock, ours } = options;
  const came = Promise.withResolvers<URLSearchParams>();
  const told = Promise.withResolvers<string>();
  let taken = false;
  const handle = async (exchange: Exchange): Promise<void> => {
    const { method, query } = exchange;
    if (exchange.path !== path || method !== 'GET') {
      return await answerProblem(exchange, new Fault('not_found', 'This is where a login comes back to.'));
    }
    // Once: a second answer is somebody else's, or the person's who goes back in the browser.
    if (taken || !ours(query)) {
      return await answerProblem(exchange, new Fault('invalid_input', 'No login of here waits for this.'));
    }
    taken = true;
    came.resolve(query);
    await exchange.respond(200, headers, pageOf(await told.promise));
  };
  const listener = await listen({
    name: 'login',
    host: '127.0.0.1',
    port: port ?? 0,
    tls: null,
    hosts: [],
    origins: [],
    handle,
    clock,
  });
  return {
    url: `${listener.url}${path}`,
    async answer(signal) {
      const ended = Promise.withResolvers<never>();
      const end = (): void => ended.reject(signal.reason);
      if (signal.aborted) end();
      signal.addEventListener('abort', end, { once: true });
      try {
        return await Promise.race([came.promise, ended.promise]);
      } finally {
        signal.removeEventListener('abort', end);
      }
    },
    conclude: (problem) =>
      told.resolve(
        problem === null
          ? 'The provider knows you. The terminal says what comes next; this window can be closed.'
          : pages[problem],
      ),
    async [Symbol.asyncDispose]() {
      told.resolve(pages.failed);
      await listener.close(1_000);
    },
  };
}

function pageOf(text: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Countersign</title></head><body><main><h1>Countersign</h1><p>${text}</p></main></body></html>\n`;
}
