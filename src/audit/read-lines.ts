import { open } from 'node:fs/promises';
import { Fault } from '../kernel/fault.ts';

/** The longest line that is read, in octets; an entry is far smaller. */
const longestLine = 16 * 1024 * 1024;

/** One line of a file without its line break; `whole` is false for what stands after the last line break. */
export interface Line {
  readonly text: string;
  readonly whole: boolean;
  /** Where the line ends in the file, in octets. */
  readonly end: number;
}

/** Reads a file line by line from a position with bounded memory. Throws Fault `audit_broken` for an endless line. */
export async function* readLines(path: string, from = 0): AsyncGenerator<Line, void, undefined> {
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.alloc(64 * 1024);
    let rest = Buffer.alloc(0);
    let position = from;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      let bytes: Buffer = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a)) {
        const text = bytes.toString('utf8', 0, at);
        bytes = bytes.subarray(at + 1);
        yield { text, whole: true, end: position - bytes.length };
      }
      if (bytes.length > longestLine) {
        throw new Fault('audit_broken', `${path} has a line longer than ${longestLine} octets.`);
      }
      rest = Buffer.from(bytes);
    }
    if (rest.length > 0) yield { text: rest.toString('utf8'), whole: false, end: position };
  } finally {
    await file.close();
  }
}
