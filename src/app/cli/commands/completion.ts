import { Fault } from '../../../kernel/fault.ts';
import type { Command } from '../command.ts';
import { completionScript, shells } from '../completion.ts';

/** `completion`: the completion script of a shell, for a table of commands that it may itself be in. */
export function completionCommand(commands: () => Promise<readonly Command[]>): Command {
  return {
    path: ['completion'],
    summary: 'Print the completion script for a shell',
    example: 'countersign completion bash > ~/.local/share/bash-completion/completions/countersign',
    flags: [],
    positionals: [{ name: 'shell', meaning: shells.join(', '), count: 'one' }],
    async run(_context, input) {
      const word = input.word('shell');
      const shell = shells.find((each) => each === word);
      if (!shell) throw new Fault('usage', `<shell> must be one of ${shells.join(', ')}, not "${word}".`);
      const script = completionScript(shell, await commands());
      return { text: script.trimEnd(), json: { shell, script } };
    },
  };
}
