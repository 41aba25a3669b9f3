import { type BigIntStats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { errorText, Fault } from '../../kernel/fault.ts';

/** How a file is read, and what of a reading has to be closed when another takes its place. */
export interface FileReader<Reading> {
  readonly path: string;
  /** `null` when there is no such file. */
  read(text: string | null): Promise<Reading>;
  close(reading: Reading): Promise<void>;
}

/** A file that is read again when it has changed. While it cannot be read, asking for it throws what `read` throws. */
export class ChangingFile<Reading> implements AsyncDisposable {
  private readonly reader: FileReader<Reading>;
  private reading: Promise<Reading> | null = null;
  /** What the file looked like at that reading; another look is another reading. */
  private version = '';

  constructor(reader: FileReader<Reading>) {
    this.reader = reader;
  }

  /** Throws Fault `unavailable` when the file cannot be read, and what reading its text throws. */
  async current(): Promise<Reading> {
    const version = versionOf(this.reader.path);
    if (this.reading && this.version === version) return await this.reading;
    const before = this.reading;
    const reading = this.read(version);
    this.reading = reading;
    this.version = version;
    // What could not be read is read again the next time: another file, which this one names, may have been wrong.
    reading.catch(() => {
      if (this.reading === reading) this.reading = null;
    });
    before?.then((old) => this.reader.close(old)).catch(() => undefined);
    return await reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reading = this.reading;
    this.reading = null;
    if (reading) await reading.then((old) => this.reader.close(old)).catch(() => undefined);
  }

  private async read(version: string): Promise<Reading> {
    return await this.reader.read(version === '' ? null : await readFile(this.reader.path, 'utf8'));
  }
}

/**
 * What tells one state of a file from another; '' when there is none. It is asked for with every certificate: asking at once
 * costs microseconds, and through the thread pool a hundred times that.
 */
function versionOf(path: string): string {
  try {
    const stats: BigIntStats | undefined = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats ? `${stats.mtimeNs} ${stats.size} ${stats.ino}` : '';
  } catch (error) {
    throw new Fault('unavailable', `${path} cannot be read: ${errorText(error)}.`, { cause: error });
  }
}
