import { resolve } from 'node:path';
import { backUp, type Copied, restore } from '../../authority/backup.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import type { Command } from '../command.ts';

const folder = {
  name: 'folder',
  kind: 'text',
  placeholder: 'folder',
  meaning: 'the data folder',
  default: '.countersign',
} as const;

/** `backup` and `restore`. */
export const backupCommands: readonly Command[] = [
  {
    path: ['backup'],
    summary: 'Copy the whole state of an authority, also while it runs; keys stay encrypted',
    example: 'countersign backup /mnt/backup/countersign-2026-11-23',
    flags: [folder],
    positionals: [{ name: 'target', meaning: 'a new folder for the copy', count: 'one' }],
    async run(context, input) {
      const made = await backUp(
        dataFolder(resolve(input.must('folder'))),
        resolve(input.word('target')),
        context.clock,
      );
      return {
        text: [
          `Backed up ${made.files} files to ${made.target}. Its keys need the same passphrase.`,
          ...heldKeyLines(made),
        ].join('\n'),
        json: made,
      };
    },
  },
  {
    path: ['restore'],
    summary: 'Make a data folder from a backup',
    example: 'countersign restore /mnt/backup/countersign-2026-11-23 --folder .countersign',
    flags: [folder],
    positionals: [{ name: 'source', meaning: 'the folder that `backup` made', count: 'one' }],
    async run(context, input) {
      const made = await restore(
        resolve(input.word('source')),
        dataFolder(resolve(input.must('folder'))),
        context.clock,
      );
      return {
        text: [
          `Restored ${made.files} files to ${made.target}. Start it with: countersign up`,
          `It is as of ${new Date(made.madeAt).toISOString()}: revocations since have to be made again, and monitors of its log will sound.`,
          ...heldKeyLines(made),
        ].join('\n'),
        json: made,
      };
    },
  },
];

/** Whoever relies on a backup must know what is not in it. */
function heldKeyLines({ heldKeys }: Copied): readonly string[] {
  return heldKeys.map((reference) => {
    const [place = ''] = reference.split('?');
    return `Not in it: the key ${place}. Its holder has to keep it, or back it up by its own means.`;
  });
}
