/** Cuts octets into the lines of MCP's stdio transport and never holds more than one line of the longest length. */
export interface LineCutter {
  push(chunk: Uint8Array): void;
  /** The input ended: what is left is a line. */
  end(): void;
}

/** Hands on each line that is not empty, without its end (LF or CR LF). One longer than `limit` octets is skipped. */
export function createLineCutter(
  limit: number,
  on: { line(line: Buffer): void; tooLong(): void },
): LineCutter {
  let parts: Uint8Array[] = [];
  let size = 0;
  let skipping = false;

  const take = (part: Uint8Array): void => {
    size += part.length;
    if (skipping) return;
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
    if (line && line.toString('latin1').trim() !== '')
      on.line(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
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
    end: finish,
  };
}
