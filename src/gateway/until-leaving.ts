/**
 * The pieces of an event stream that has no end of its own, until this gateway leaves: then no further than to the end of
 * the event that has begun, so that whoever listens goes on at another gateway from there.
 */
export async function* untilLeaving(
  pieces: AsyncIterable<Uint8Array>,
  leaving: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  // Not one promise for all pieces: each race would leave a reaction with it for as long as the stream lasts.
  let wake: (() => void) | null = null;
  const leave = (): void => wake?.();
  leaving.addEventListener('abort', leave, { once: true });
  const orLeft = (next: Promise<IteratorResult<Uint8Array>>): Promise<IteratorResult<Uint8Array> | null> =>
    new Promise((resolve, reject) => {
      if (leaving.aborted) resolve(null);
      wake = () => resolve(null);
      next.then(resolve, reject);
    });
  let tail = '\n\n';
  try {
    for (;;) {
      const next = iterator.next();
      const first = endsEvent(tail) ? await orLeft(next) : await next;
      if (first === null) {
        // It is cut short by `return` below; what it says to that interests nobody.
        next.catch(() => undefined);
        return;
      }
      if (first.done) return;
      yield first.value;
      if (first.value.length > 0)
        tail = (tail + Buffer.from(first.value.subarray(-4)).toString('latin1')).slice(-4);
    }
  } finally {
    leaving.removeEventListener('abort', leave);
    // Not awaited: a generator that waits for its next piece ends only when that has come.
    void iterator.return?.().catch(() => undefined);
  }
}

/** HTML, Server-sent events §9.2.5: a blank line ends an event; lines end in CRLF, LF or CR. */
function endsEvent(tail: string): boolean {
  return /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)$/.test(tail);
}
