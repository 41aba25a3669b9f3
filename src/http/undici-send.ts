import type { Dispatcher } from 'undici';
import { gatherHeaders, type Headers } from '../wire/headers.ts';
import { NotHttp } from '../wire/not-http.ts';
import { AnswerBody } from './answer-body.ts';
import { ExchangeFailure } from './failure.ts';
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
      onResponseStart(given, status) {
        if (status < 200) return;
        let headers: Headers;
        try {
          headers = gatherHeaders(fieldsOf(given.rawHeaders));
        } catch (error) {
          return abort(new ExchangeFailure('garbage', 'its answer is not HTTP', error));
        }
        const answered = new AnswerBody({
          pause: () => given.pause(),
          resume: () => given.resume(),
          leave: abort,
        });
        body = answered;
        resolve({
          status,
          headers,
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

/** The fields as they came: undici's own record joins what was sent twice, and hides that it was. */
function fieldsOf(raw: Dispatcher.DispatchController['rawHeaders']): readonly string[] {
  if (!Array.isArray(raw)) throw new NotHttp('an answer without its fields');
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
