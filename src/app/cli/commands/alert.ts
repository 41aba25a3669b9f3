import { Fault } from '../../../kernel/fault.ts';
import type { Command } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';

/** The commands about alerts: what the authority wants somebody to look at. */
export const alertCommands: readonly Command[] = [
  {
    path: ['alert', 'list'],
    summary:
      'List the alerts that are not resolved: certificates that end, renewals that fail, calls that wait',
    example: 'countersign alert list',
    flags: [
      { name: 'all', kind: 'switch', meaning: 'also what was resolved in the last seven days' },
      ...administrationFlags,
    ],
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'alert.list', { all: input.on('all') });
      const columns = [
        'id',
        'state',
        'cause',
        'kind',
        'name',
        'serial',
        'endsAt',
        'acknowledgedBy',
        'detail',
      ];
      return { text: formatTable(columns, rows(json)), json };
    },
  },
  {
    path: ['alert', 'ack'],
    summary: 'Note that you have seen an alert; it stays until it is resolved',
    example: 'countersign alert ack 12',
    flags: administrationFlags,
    positionals: [{ name: 'id', meaning: 'the number that the list shows', count: 'one' }],
    async run(context, input) {
      const word = input.word('id');
      if (!/^[1-9]\d{0,14}$/.test(word)) throw new Fault('usage', `${word} is not the number of an alert.`);
      const json = await administer(context, input, 'alert.acknowledge', { id: Number(word) });
      return { text: describe(json), json };
    },
  },
];
