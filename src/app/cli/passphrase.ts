import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { CommandContext, CommandInput, Flag } from './command.ts';

/** The flags of every command that may need a passphrase. */
export const passphraseFlags: readonly Flag[] = [
  {
    name: 'passphrase-file',
    kind: 'text',
    placeholder: 'file',
    meaning: 'a file (0600) with the passphrase of the keys',
  },
  {
    name: 'passphrase-fd',
    kind: 'integer',
    placeholder: 'number',
    meaning: 'an open file descriptor to read the passphrase from',
  },
];

/** No passphrase is longer, in octets; a wrong file is noticed rather than read whole. */
const longest = 4096;

/**
 * The passphrase from the first of: file descriptor, file, environment variable COUNTERSIGN_PASSPHRASE, a prompt that
 * shows nothing. `confirm` asks twice at the prompt. Faults `passphrase_required`, `file_mode`, `not_found`, `usage`.
 */
export async function readPassphrase(
  context: CommandContext,
  input: CommandInput,
  options: { readonly confirm: boolean },
): Promise<string> {
  const descriptor = input.integer('passphrase-fd');
  if (descriptor !== null) return firstLine(await readDescriptor(descriptor), `descriptor ${descriptor}`);
  const file = input.text('passphrase-file');
  if (file !== null) return await readPassphraseFile(file);
  const variable = context.env['COUNTERSIGN_PASSPHRASE'];
  if (variable !== undefined) return firstLine(Buffer.from(variable), 'COUNTERSIGN_PASSPHRASE');
  if (!context.isTty) {
    throw new Fault(
      'passphrase_required',
      'The keys are encrypted and no passphrase was given. Give --passphrase-file, --passphrase-fd or ' +
        'COUNTERSIGN_PASSPHRASE, or run this at a terminal.',
    );
  }
  const passphrase = await prompt(context, 'Passphrase: ');
  if (passphrase === '')
    throw new Fault('passphrase_required', 'The passphrase is empty. Choose a longer one.');
  if (options.confirm && (await prompt(context, 'The same again: ')) !== passphrase) {
    throw new Fault('usage', 'The two passphrases differ. Nothing was done; start again.');
  }
  return passphrase;
}

/** The passphrase in a file. Faults `passphrase_required`, `file_mode`, `not_found`, `usage`. */
export async function readPassphraseFile(file: string): Promise<string> {
  return firstLine(await readPrivateFile(file), file);
}

async function readDescriptor(descriptor: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of createReadStream('', { fd: descriptor })) {
      parts.push(part as Buffer);
      size += (part as Buffer).length;
      if (size > longest) break;
    }
  } catch (cause) {
    throw new Fault('usage', `--passphrase-fd ${descriptor} is not open for reading.`, { cause });
  }
  return Buffer.concat(parts);
}

/** One line break at the end belongs to the file, not to the passphrase. */
function firstLine(bytes: Uint8Array, source: string): string {
  const text = readText(bytes, source).replace(/\r?\n$/, '');
  if (text === '') throw new Fault('passphrase_required', `The passphrase in ${source} is empty.`);
  if (bytes.length > longest || /[\r\n\0]/.test(text)) {
    throw new Fault('usage', `${source} does not hold one line with a passphrase.`);
  }
  return text;
}

/** Octets that are no text would all become the same characters, and the passphrase weaker than it looks. */
function readText(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Fault('usage', `${source} does not hold a passphrase in UTF-8.`, { cause });
  }
}

async function prompt(context: CommandContext, question: string): Promise<string> {
  const { stdin, stderr } = context;
  // Before the question: whoever types at once must not see it.
  const restore = hideTyping(stdin);
  stderr.write(question);
  try {
    return await readTyped(stdin);
  } finally {
    restore();
    stderr.write('\n');
  }
}

/** Raw mode: the terminal echoes nothing and hands over each key. */
function hideTyping(stdin: Readable): () => void {
  if (!('setRawMode' in stdin) || typeof stdin.setRawMode !== 'function') {
    throw new Fault(
      'passphrase_required',
      'This terminal cannot hide typing. Give --passphrase-file instead.',
    );
  }
  const terminal = stdin as Readable & { setRawMode(raw: boolean): unknown };
  terminal.setRawMode(true);
  return () => void terminal.setRawMode(false);
}

function readTyped(stdin: Readable): Promise<string> {
  const decoder = new TextDecoder();
  let typed: string[] = [];
  return new Promise<string>((resolve, reject) => {
    const end = (): void => {
      stdin.off('data', take);
      stdin.off('end', gone);
      stdin.pause();
    };
    const gone = (): void => {
      end();
      reject(new Fault('passphrase_required', 'The terminal closed before a passphrase was given.'));
    };
    const take = (part: Buffer): void => {
      for (const key of decoder.decode(part, { stream: true })) {
        if (key === '\r' || key === '\n') {
          end();
          resolve(typed.join(''));
          return;
        }
        // Ctrl-C, Ctrl-D: raw mode hands them over as keys.
        if (key === '\u0003' || key === '\u0004') return gone();
        if (key === '\u0015') typed = [];
        else if (key === '\u007f' || key === '\b') typed.pop();
        else if (key >= ' ') typed.push(key);
      }
    };
    stdin.on('data', take);
    stdin.on('end', gone);
    stdin.resume();
  });
}
