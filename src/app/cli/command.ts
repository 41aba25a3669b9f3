import type { Readable, Writable } from 'node:stream';
import type { Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Redactor } from '../../secrets/redact.ts';

/** One command of the command line: a row of the table that parsing, help, completion and the documents read. */
export interface Command {
  /** The words that name it, such as ['agent', 'add']. */
  readonly path: readonly string[];
  /** One line, without a full stop. */
  readonly summary: string;
  /** A whole line that works, beginning with `countersign`. */
  readonly example: string;
  readonly flags: readonly Flag[];
  readonly positionals: readonly Positional[];
  /** Expected failures are thrown as Faults; `exit-codes.ts` says which exit code each becomes. */
  run(context: CommandContext, input: CommandInput): Promise<CommandResult>;
}

/** `--name value` or `--name=value`; a switch has no value, a list may be repeated. */
export interface Flag {
  readonly name: string;
  /** `duration` is read as '90s', '15m', '8h' or '7d' and given in milliseconds. */
  readonly kind: 'switch' | 'text' | 'integer' | 'duration' | 'list';
  /** What stands for the value in help, such as 'folder'; taken from the name when left out. */
  readonly placeholder?: string;
  readonly meaning: string;
  /** As it would be written on the command line. */
  readonly default?: string;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

/** A word after the command's own. Only the last may be 'any' or 'some'; words after `--` are never flags. */
export interface Positional {
  readonly name: string;
  readonly meaning: string;
  readonly count: 'one' | 'optional' | 'any' | 'some';
}

/** What was given, checked against the command's tables. Asking for a name that is not in them throws TypeError. */
export interface CommandInput {
  /** The value of a text flag, its default, or null. */
  text(flag: string): string | null;
  /** The value of a text flag that is required or has a default. */
  must(flag: string): string;
  integer(flag: string): number | null;
  /** Milliseconds. */
  duration(flag: string): number | null;
  list(flag: string): readonly string[];
  on(flag: string): boolean;
  /** A positional whose count is 'one'. */
  word(positional: string): string;
  /** All words of a positional, whatever its count. */
  words(positional: string): readonly string[];
  /** The flags that were given, with their text: what the configuration reads. */
  readonly given: Readonly<Record<string, string>>;
}

/** What a command gives back: words for a person, or one JSON value with `--json`. Empty text and null print nothing. */
export interface CommandResult {
  /** Without the last line break. */
  readonly text: string;
  readonly json: Json;
  /** 0 when left out. */
  readonly exitCode?: number;
}

/** The terminal and process around a run. */
export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person sits at stdin and stderr. */
  readonly isTty: boolean;
  /**
   * Aborted when the process is asked to end. Asking for it promises to end in order; a command that does not ask is
   * ended by the first signal.
   */
  readonly ended: AbortSignal;
  readonly clock: Clock;
  /** Knows the secrets of this run; everything that is printed passes it. */
  readonly redactor: Redactor;
}

/** What a running command may use of the world. */
export interface CommandContext extends CommandIo {
  /** Whether the result will be shown as JSON. */
  readonly json: boolean;
  /** Writes one line for a person to stderr while the command runs. */
  readonly say: (line: string) => void;
}
