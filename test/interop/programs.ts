import { execFile } from 'node:child_process';

/** What another program said, on both streams, and how it ended. */
export interface Said {
  readonly code: number;
  readonly text: string;
}

/** Runs a program of somebody else, without a shell, for ten seconds at most. */
export function run(
  program: string,
  words: readonly string[],
  options: { readonly cwd: string },
): Promise<Said> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      words,
      { ...options, timeout: 10_000, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, text: `${stdout}${stderr}` });
      },
    );
    // Some read on for something to send.
    child.stdin?.end();
  });
}
