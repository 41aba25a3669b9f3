import type { Command } from './command.ts';
import { completionCommand } from './commands/completion.ts';
import { versionCommand } from './commands/version.ts';

/** Every command of the program, in the order of its help. */
export const commands: readonly Command[] = [versionCommand, completionCommand(() => commands)];
