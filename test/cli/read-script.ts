/** One command of a script and what it must print. */
export interface ScriptStep {
  readonly line: number;
  readonly command: string;
  readonly expected: string;
}

export interface Script {
  readonly steps: readonly ScriptStep[];
  /** Files that lie in the working folder before the first command. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Reads a script: lines beginning with `$ ` are commands, the lines below one are its output, `#` begins a comment
 * between steps (after an empty line), and `-- name --` begins a file that lasts to the next or to the end.
 */
export function readScript(text: string): Script {
  const lines = text.split('\n');
  const firstFile = lines.findIndex((line) => fileHeading.test(line));
  const body = firstFile === -1 ? lines : lines.slice(0, firstFile);
  return { steps: readSteps(body), files: firstFile === -1 ? {} : readFiles(lines.slice(firstFile)) };
}

const fileHeading = /^-- (.+) --$/;

function readSteps(lines: readonly string[]): readonly ScriptStep[] {
  const steps: { line: number; command: string; output: string[] }[] = [];
  let commenting = true;
  for (const [at, text] of lines.entries()) {
    const step = steps.at(-1);
    if (text.startsWith('$ ')) {
      steps.push({ line: at + 1, command: text.slice(2), output: [] });
      commenting = false;
    } else if (text.startsWith('#') && (commenting || lines[at - 1] === '')) {
      commenting = true;
    } else if (text !== '' && commenting) {
      throw new Error(`line ${at + 1}: output without a command: ${text}`);
    } else if (!commenting) {
      step?.output.push(text);
    }
  }
  return steps.map(({ line, command, output }) => ({ line, command, expected: output.join('\n').trimEnd() }));
}

function readFiles(lines: readonly string[]): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  let name = '';
  for (const line of lines) {
    const heading = fileHeading.exec(line)?.[1];
    if (heading !== undefined) {
      name = heading;
      files[name] = '';
    } else {
      files[name] += `${line}\n`;
    }
  }
  return Object.fromEntries(Object.entries(files).map(([file, content]) => [file, `${content.trimEnd()}\n`]));
}

/** Splits a command into words at spaces; 'single' and "double" quotes hold spaces, nothing else is special. */
export function splitWords(command: string): string[] {
  return [...command.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/g,
      (_, double: string | undefined, single: string | undefined) => double ?? single ?? '',
    ),
  );
}
