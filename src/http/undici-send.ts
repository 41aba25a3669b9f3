import type { Dispatcher } from 'undici';
import { gatherHeaders } from '../wire/headers.ts';
import { AnswerBody } from './answer-body.ts';
import type { Answer, OutgoingRequest, Sending } from './outgoing.ts';

/** One request through undici's dispatch, its fast way: no streams, no body mixin. Redirects are answers like any other. */
export function sendThrough(
  dispatcher: Dispatcher,
  origin: string,
  request: OutgoingRequest,
  signal: AbortSignal,
): Sending {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let controller: Dispatcher.DispatchController | null = null;
  let body: AnswerBody | null = null;
  let aborted: Error | null = null;
  const fail = (error: unknown): void => {
    signal.removeEventListener('abort', onAbort);
    reject(error);
    body?.fail(error);
  };
  const abort = (reason: Error): void => {
    aborted = reason;
    fail(reason);
    controller?.abort(reason);
  };
  function onAbort(): void {
    abort(signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason }));
  }
  const sending = { answer: promise, abort };
  if (signal.aborted) {
    onAbort();
    return sending;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  const { method, target, headers } = request;
  const times = { headersTimeout: request.answerMilliseconds, bodyTimeout: request.idleMilliseconds };
  dispatcher.dispatch(
    { origin, method, path: target, headers, body: request.body, ...times },
    {
      onRequestStart(given) {
        controller = given;
        // Aborted while the connection was being made.
        if (aborted) given.abort(aborted);
      },
      onResponseStart(given, status, received) {
        if (status < 200) return;
        const answered = new AnswerBody({
          pause: () => given.pause(),
          resume: () => given.resume(),
          leave: abort,
        });
        body = answered;
        const fields = Object.entries(received).flatMap(([name, value]) => [name, String(value)]);
        resolve({
          status,
          headers: gatherHeaders(fields),
          whole: (limit) => answered.whole(limit),
          pieces: () => answered.pieces(),
        });
      },
      onResponseData: (_given, chunk) => body?.push(chunk),
      onResponseEnd() {
        signal.removeEventListener('abort', onAbort);
        body?.end();
      },
      onResponseError: (_given, error) => fail(error),
    },
  );
  return sending;
}
