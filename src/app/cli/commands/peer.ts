import { resolve } from 'node:path';
import { dataFolder } from '../../authority/data-folder.ts';
import type { Command, CommandContext, CommandInput, Flag } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { passphraseFlags, readPassphrase, readPassphraseFile } from '../passphrase.ts';
import { administer, administrationFlags } from './administration.ts';
import { rows } from './show-json.ts';

const folder: Flag = {
  name: 'folder',
  kind: 'text',
  placeholder: 'folder',
  meaning: 'the data folder',
  default: '.countersign',
};
const bundlePassphrase: Flag = {
  name: 'bundle-passphrase-file',
  kind: 'text',
  placeholder: 'file',
  meaning: 'a file (0600) with the passphrase of the bundle, of 12 characters at least',
  required: true,
};

/** The authorities of one store. */
export const peerCommands: readonly Command[] = [
  {
    path: ['peer', 'export'],
    summary: 'Write what another machine needs to be an authority of the same store, sealed',
    example: 'countersign peer export peer.bundle --bundle-passphrase-file transfer.txt',
    flags: [folder, bundlePassphrase, ...passphraseFlags],
    positionals: [{ name: 'bundle', meaning: 'a new file', count: 'one' }],
    async run(context, input) {
      const { exportPeer } = await import('../../authority/export-peer.ts');
      const made = await exportPeer(dataFolder(resolve(input.must('folder'))), {
        target: resolve(input.word('bundle')),
        ...(await passphrases(context, input, false)),
        clock: context.clock,
      });
      return {
        text: [
          `${input.word('bundle')} holds the keys of ${made.trustDomain}. Whoever has it and its passphrase can issue: take it to the other machine on a way that you trust, and delete it.`,
          `There: countersign peer join ${input.word('bundle')} --name <name> --ca-fingerprint ${made.rootFingerprint}`,
        ].join('\n'),
        json: made,
      };
    },
  },
  {
    path: ['peer', 'join'],
    summary: 'Make the data folder of another authority of the same store',
    example: 'countersign peer join peer.bundle --name b --bundle-passphrase-file transfer.txt',
    flags: [
      folder,
      { name: 'name', kind: 'text', meaning: 'the name of this authority among the others', required: true },
      {
        name: 'ca-fingerprint',
        kind: 'text',
        placeholder: 'sha256:…',
        meaning: 'the root that the bundle has to be of',
      },
      bundlePassphrase,
      ...passphraseFlags,
    ],
    positionals: [{ name: 'bundle', meaning: 'what `peer export` wrote', count: 'one' }],
    async run(context, input) {
      const { joinPeer } = await import('../../authority/export-peer.ts');
      const target = resolve(input.must('folder'));
      const made = await joinPeer(resolve(input.word('bundle')), dataFolder(target), {
        name: input.must('name'),
        rootFingerprint: input.text('ca-fingerprint'),
        ...(await passphrases(context, input, true)),
      });
      return {
        text: `${target} is an authority of ${made.trustDomain} (root ${made.rootFingerprint}). Delete the bundle, and start it with: countersign authority --folder ${target}`,
        json: { ...made, folder: target },
      };
    },
  },
  {
    path: ['peer', 'list'],
    summary: 'List the authorities of the store, who of them lives, and who does the periodic work',
    example: 'countersign peer list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'peer.list', {});
      return {
        text: formatTable(['name', 'state', 'leads', 'self', 'url', 'version', 'id'], rows(json)),
        json,
      };
    },
  },
];

async function passphrases(
  context: CommandContext,
  input: CommandInput,
  confirm: boolean,
): Promise<{ readonly passphrase: string; readonly bundlePassphrase: string }> {
  const bundle = await readPassphraseFile(input.must('bundle-passphrase-file'));
  const passphrase = await readPassphrase(context, input, { confirm });
  for (const secret of [bundle, passphrase]) context.redactor.learn(secret);
  return { passphrase, bundlePassphrase: bundle };
}
