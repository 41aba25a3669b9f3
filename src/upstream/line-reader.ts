/** Cuts octets into lines without ever holding more than one line of the longest length. */
export interface LineReader {
  push(chunk: Uint8Array): void;
}

/**
 * Hands each line on without its end (LF or CR LF). A line longer than `limit` octets is reported once and skipped
 * up to its end.
 */
export function createLineReader(
  limit: number,
  on: { line(line: Buffer): void; tooLong(): void },
): LineReader {
  let parts: Uint8Array[] = [];
  let size = 0;
  let skipping = false;

  const take = (part: Uint8Array): void => {
    if (skipping) return;
    size += part.length;
    if (size <= limit) {
      parts.push(part);
      return;
    }
    skipping = true;
    parts = [];
    on.tooLong();
  };
  const finish = (): void => {
    const line = skipping ? null : Buffer.concat(parts);
    parts = [];
    size = 0;
    skipping = false;
    if (line) on.line(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
  };

  return {
    push(chunk) {
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
        take(chunk.subarray(from, end));
        finish();
        from = end + 1;
      }
      if (from < chunk.length) take(chunk.subarray(from));
    },
  };
}
