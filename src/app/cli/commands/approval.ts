import type { Command } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';

const id = { name: 'id', meaning: 'the id of the request, from the list', count: 'one' } as const;

/** The commands about requests that wait for an administrator. */
export const approvalCommands: readonly Command[] = [
  {
    path: ['approval', 'list'],
    summary: 'List the requests for certificates that wait for an administrator',
    example: 'countersign approval list',
    flags: [
      { name: 'all', kind: 'switch', meaning: 'those that were decided, used or are over as well' },
      ...administrationFlags,
    ],
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'approval.list', { all: input.on('all') });
      const columns = ['id', 'name', 'kind', 'door', 'owner', 'address', 'state', 'askedAt', 'expiresAt'];
      return { text: formatTable(columns, rows(json)), json };
    },
  },
  {
    path: ['approval', 'show'],
    summary: 'Show one request: who asks for what, and with what evidence',
    example: 'countersign approval show pZ0fX3mJr1Qw7vTn5bYk2A',
    flags: administrationFlags,
    positionals: [id],
    async run(context, input) {
      const json = await administer(context, input, 'approval.show', { id: input.word('id') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['approval', 'grant'],
    summary: 'Grant a request; whoever waits gets the certificate when it asks again',
    example: 'countersign approval grant pZ0fX3mJr1Qw7vTn5bYk2A',
    flags: [{ name: 'reason', kind: 'text', meaning: 'why, for the record' }, ...administrationFlags],
    positionals: [id],
    async run(context, input) {
      const order = { id: input.word('id'), reason: input.text('reason') };
      const json = await administer(context, input, 'approval.grant', order);
      return { text: `Granted. Until it is used: countersign approval refuse ${order.id} --reason …`, json };
    },
  },
  {
    path: ['approval', 'refuse'],
    summary: 'Refuse a request, or take back a grant that was not used',
    example: 'countersign approval refuse pZ0fX3mJr1Qw7vTn5bYk2A --reason "nobody knows that machine"',
    flags: [
      { name: 'reason', kind: 'text', meaning: 'why; whoever asked is told', required: true },
      ...administrationFlags,
    ],
    positionals: [id],
    async run(context, input) {
      const order = { id: input.word('id'), reason: input.must('reason') };
      const json = await administer(context, input, 'approval.refuse', order);
      return {
        text: 'Refused. With the same key it is not looked at again before the request is over.',
        json,
      };
    },
  },
];
