import type { Command } from '../command.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe } from './show-json.ts';

/** The commands about devices. */
export const deviceCommands: readonly Command[] = [
  {
    path: ['device', 'check'],
    summary: 'Ask about every device with a live certificate now, and revoke those that are not compliant',
    example: 'countersign device check',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'device.check', {});
      return { text: describe(json), json };
    },
  },
];
