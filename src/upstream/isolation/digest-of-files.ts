import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorText, Fault } from '../../kernel/fault.ts';

const mostFiles = 100_000;

/**
 * `sha256:` of a file, or of a folder with everything in it: over one line for each entry, in the order of names, with its kind,
 * whether it may be run, its path and the hash of its content or where it leads. Throws Fault `invalid_input` for what cannot be read.
 */
export async function digestOf(path: string): Promise<string> {
  try {
    const entry = await lstat(path);
    if (!entry.isDirectory()) return `sha256:${await hashOfFile(path)}`;
    const whole = createHash('sha256');
    const count = { left: mostFiles };
    for await (const line of linesOf(path, '', count)) whole.update(line);
    return `sha256:${whole.digest('hex')}`;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('invalid_input', `The digest of ${path} cannot be made: ${errorText(cause)}.`, { cause });
  }
}

async function* linesOf(root: string, below: string, count: { left: number }): AsyncGenerator<string> {
  const names = (await readdir(join(root, below))).sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    const path = below === '' ? name : `${below}/${name}`;
    const whole = join(root, path);
    count.left -= 1;
    if (count.left < 0) throw new Fault('invalid_input', `${root} has more than ${mostFiles} files.`);
    const entry = await lstat(whole);
    if (entry.isDirectory()) {
      yield `d ${JSON.stringify(path)}\n`;
      yield* linesOf(root, path, count);
    } else if (entry.isSymbolicLink())
      yield `l ${JSON.stringify(path)} ${JSON.stringify(await readlink(whole))}\n`;
    else if (entry.isFile()) {
      yield `${entry.mode & 0o111 ? 'x' : 'f'} ${JSON.stringify(path)} ${await hashOfFile(whole)}\n`;
    } else throw new Fault('invalid_input', `${whole} is no file, folder or link.`);
  }
}

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Throws Fault `program_changed` for the first file or folder that is not what it was. */
export async function demandDigests(
  server: string,
  digests: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, digest] of Object.entries(digests)) {
    const found = await digestOf(path).catch((error: unknown) => errorText(error));
    if (found === digest) continue;
    throw new Fault(
      'program_changed',
      `MCP server ${server} is not started: ${path} is not what it was when the server was registered. ` +
        'Find out who changed it; if it was you, register the server again with --replace and --pin.',
    );
  }
}
