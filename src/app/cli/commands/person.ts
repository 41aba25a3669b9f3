import type { Command } from '../command.ts';
import { administer, administrationFlags } from './administration.ts';

/** The commands about people who log in. */
export const personCommands: readonly Command[] = [
  {
    path: ['person', 'forget'],
    summary: 'Forget which account a person logs in with, so that the name may be of another',
    example: 'countersign person forget alice@example.com',
    flags: administrationFlags,
    positionals: [{ name: 'person', meaning: 'the person, as agents name their owner', count: 'one' }],
    async run(context, input) {
      const person = input.word('person');
      const json = await administer(context, input, 'person.forget', { person });
      return { text: `The next account that the provider calls ${person} is this person.`, json };
    },
  },
];
