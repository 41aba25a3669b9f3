/**
 * The semi-space of V8's young generation for the programs that carry calls, in MiB. A call leaves some tens of
 * KiB behind and lives as long as its record takes to the disk and its server to the answer: in the 16 MiB that are V8's
 * own choice, what is under way is copied again and again. It is as small as it is large, because V8 makes it smaller in
 * every pause and then has to find out its size anew.
 */
const semiSpaceMebibytes = 64;

const option = 'semi-space-size';

/** The flag, and the paths of open descriptors, as a shell writes them for `--passphrase-file <(command)`. */
const namesDescriptor = /^--passphrase-fd|\/dev\/fd\/|\/proc\/[^/]+\/fd\//;

/** The programs that carry calls. */
const carriers: ReadonlySet<string> = new Set(['up', 'gateway']);

/** The options of Node.js to start again with, or null when the process may go on as it is. */
export function roomierOptions(process: {
  /** The words behind the program's name. */
  readonly words: readonly string[];
  readonly options: readonly string[];
  readonly environmentOptions: string | undefined;
}): readonly string[] | null {
  const { words, options, environmentOptions = '' } = process;
  if (!carriers.has(words[0] ?? '')) return null;
  // Descriptors beyond the first three do not outlive the change to another program.
  if (words.some((word) => namesDescriptor.test(word))) return null;
  // Whoever has chosen already is left alone.
  if ([...options, environmentOptions].some((text) => text.replaceAll('_', '-').includes(option)))
    return null;
  return [...options, `--min-${option}=${semiSpaceMebibytes}`, `--max-${option}=${semiSpaceMebibytes}`];
}
