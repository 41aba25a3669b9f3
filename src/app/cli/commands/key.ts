import { resolve } from 'node:path';
import { Fault } from '../../../kernel/fault.ts';
import { checkKey } from '../../authority/check-key.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { passphraseFlags, readPassphrase } from '../passphrase.ts';

/** `key check`. */
export const keyCommands: readonly Command[] = [
  {
    path: ['key', 'check'],
    summary: 'Have the signing key sign something that is no certificate, wherever it lives',
    example: 'countersign key check --folder .countersign --signatures 500',
    flags: [
      {
        name: 'folder',
        kind: 'text',
        placeholder: 'folder',
        meaning: 'the data folder',
        default: '.countersign',
      },
      {
        name: 'signatures',
        kind: 'integer',
        placeholder: 'number',
        meaning: 'how many signatures to ask for, 16 at once; tells how fast the key is',
        default: '16',
      },
      ...passphraseFlags,
    ],
    positionals: [],
    run: check,
  },
];

async function check(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const signatures = input.integer('signatures') ?? 16;
  if (signatures < 1 || signatures > 100_000) {
    throw new Fault('usage', '--signatures is a number from 1 to 100000.');
  }
  const made = await checkKey(dataFolder(resolve(input.must('folder'))), {
    passphrase: () => readPassphrase(context, input, { confirm: false }),
    environment: context.env,
    clock: context.clock,
    signatures,
  });
  const rate = Math.round((made.signatures * 1000) / made.milliseconds);
  return {
    text: `The key of the intermediate is in ${made.holder === 'file' ? 'its encrypted file' : made.holder} and signs: ${made.signatures} signatures verified, ${rate} a second.`,
    json: { ...made, perSecond: rate },
  };
}
