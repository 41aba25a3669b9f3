import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import type { Command } from '../command.ts';
import { printable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';

const version = { name: 'version', meaning: 'the version, from policy pending', count: 'one' } as const;
const example = 'q0SWnCNBqDlVfsXSkQ4M5sUAWcYvnTNOpsqdYBzyZTk';

/** The commands about policies that wait because they may allow more. */
export const policyPendingCommands: readonly Command[] = [
  {
    path: ['policy', 'pending'],
    summary: 'Show the changed policies that wait for another administrator, and what they may allow more',
    example: 'countersign policy pending --authority https://localhost:8444 --admin ./second-admin',
    flags: [{ name: 'text', kind: 'switch', meaning: 'the files too' }, ...administrationFlags],
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'policy.pending', {});
      if (!isJsonObject(json)) return { text: 'No policies wait.', json };
      const { version: of, since, lines, files } = json;
      const shown = Array.isArray(files) && input.on('text') ? files.filter(isJsonObject) : [];
      const text = [
        `Version ${textOf(of)} waits since ${new Date(Number(since)).toISOString()}. Allowed more:`,
        ...(Array.isArray(lines) ? lines.map((line) => `  ${printable(textOf(line))}`) : []),
        ...shown.flatMap((file) => [
          `--- ${printable(textOf(file['name']))}`,
          ...textOf(file['text']).split('\n').map(printable),
        ]),
        `To put it in force: countersign policy approve ${textOf(of)}`,
      ];
      return { text: text.join('\n'), json };
    },
  },
  {
    path: ['policy', 'approve'],
    summary:
      'Put policies in force that wait, with an admin certificate that is not the one in the data folder',
    example: `countersign policy approve ${example} --authority https://localhost:8444 --admin ./second-admin`,
    flags: administrationFlags,
    positionals: [version],
    async run(context, input) {
      const json = await administer(context, input, 'policy.approve', { version: input.word('version') });
      return { text: 'Approved: these policies are in force.', json };
    },
  },
  {
    path: ['policy', 'reject'],
    summary: 'Say that policies that wait are not wanted; the ones in force stay',
    example: `countersign policy reject ${example} --reason "too wide"`,
    flags: [
      { name: 'reason', kind: 'text', meaning: 'why, for the record', required: true },
      ...administrationFlags,
    ],
    positionals: [version],
    async run(context, input) {
      const order = { version: input.word('version'), reason: input.must('reason') };
      const json = await administer(context, input, 'policy.reject', order);
      return { text: 'Rejected. The same files do not wait again; change them.', json };
    },
  },
];

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
