/** One instruction of a Containerfile, with its continued lines in one. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** The instructions in order; comments and continuations are gone. */
export function readContainerfile(text: string): readonly Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  return lines
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .flatMap((line) => {
      const [, word, rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
      return word === undefined ? [] : [{ word, rest }];
    });
}

/** The instructions after the last FROM. */
export function lastStage(instructions: readonly Instruction[]): readonly Instruction[] {
  return instructions.slice(instructions.findLastIndex(({ word }) => word === 'FROM'));
}
