import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../../kernel/canonical-json.ts';
import { visibleText } from '../../../kernel/visible-text.ts';
import type { Command } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { rows } from './show-json.ts';

const id = { name: 'id', meaning: 'the id of the call, from the list', count: 'one' } as const;

/** The commands about calls that wait for somebody to approve them. */
export const callApprovalCommands: readonly Command[] = [
  {
    path: ['call-approval', 'list'],
    summary: 'List the calls that wait to be approved, and those that were and are not made yet',
    example: 'countersign call-approval list',
    flags: [
      { name: 'all', kind: 'switch', meaning: 'those that were refused, used or are over as well' },
      ...administrationFlags,
    ],
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'call-approval.list', { all: input.on('all') });
      const columns = ['id', 'agent', 'person', 'server', 'target', 'why', 'state', 'askedAt', 'expiresAt'];
      const shown = rows(json).map((row) => ({
        ...row,
        why: reasonsOf(row).join('; '),
        target: visibleText(textOf(row['target'])),
      }));
      return { text: formatTable(columns, shown), json };
    },
  },
  {
    path: ['call-approval', 'show'],
    summary: 'Show one call: which agent, for whom, what with which arguments, and why it is asked about',
    example: 'countersign call-approval show pZ0fX3mJr1Qw7vTn5bYk2A',
    flags: administrationFlags,
    positionals: [id],
    async run(context, input) {
      const json = await administer(context, input, 'call-approval.show', { id: input.word('id') });
      return { text: isJsonObject(json) ? callText(json) : '', json };
    },
  },
  {
    path: ['call-approval', 'grant'],
    summary: 'Approve one call; it can be made once, with these very arguments',
    example: 'countersign call-approval grant pZ0fX3mJr1Qw7vTn5bYk2A',
    flags: [{ name: 'reason', kind: 'text', meaning: 'why, for the record' }, ...administrationFlags],
    positionals: [id],
    async run(context, input) {
      const order = { id: input.word('id'), reason: input.text('reason') };
      const json = await administer(context, input, 'call-approval.grant', order);
      const until = timeOf(isJsonObject(json) ? json['expiresAt'] : undefined);
      const taking = `countersign call-approval refuse ${order.id} --reason …`;
      return { text: `Approved, for one call until ${until}. Until it is made: ${taking}`, json };
    },
  },
  {
    path: ['call-approval', 'refuse'],
    summary: 'Refuse a call, or take back an approval that was not used',
    example: 'countersign call-approval refuse pZ0fX3mJr1Qw7vTn5bYk2A --reason "not this account"',
    flags: [
      { name: 'reason', kind: 'text', meaning: 'why; the agent is told', required: true },
      ...administrationFlags,
    ],
    positionals: [id],
    async run(context, input) {
      const order = { id: input.word('id'), reason: input.must('reason') };
      const json = await administer(context, input, 'call-approval.refuse', order);
      const until = timeOf(isJsonObject(json) ? json['expiresAt'] : undefined);
      return { text: `Refused. The same call is not looked at again before ${until}.`, json };
    },
  },
];

/** Everything that whoever approves has to know, with nothing in it that a terminal would obey or hide. */
function callText(call: JsonObject): string {
  const said = (name: string): string => visibleText(textOf(call[name]) || '-');
  const params = isJsonObject(call['params']) ? call['params'] : {};
  const exact = JSON.stringify(params, null, 2).split('\n').map(visibleText);
  const lines: readonly (readonly [string, string])[] = [
    ['id', said('id')],
    ['state', said('state')],
    ['agent', `${said('agent')} (${said('spiffeId')})`],
    ['of', said('owner')],
    ['for', `${said('person')} (client ${said('client')})`],
    ['from', `${said('address')}, at gateway ${said('gateway')}`],
    ['server', said('server')],
    ['call', `${said('method')} ${said('target')}`],
    ...reasonsOf(call).map((why): readonly [string, string] => ['why', visibleText(why)]),
    ['asked', timeOf(call['askedAt'])],
    ['until', timeOf(call['expiresAt'])],
    ...decidedLines(call),
    ['hash', said('argumentsHash')],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const head = lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  return [...head, '', ...exact].join('\n');
}

function decidedLines(call: JsonObject): readonly (readonly [string, string])[] {
  if (textOf(call['decidedBy']) === '') return [];
  const by = visibleText(textOf(call['decidedBy']));
  const reason = visibleText(textOf(call['reason']) || 'no reason given');
  return [['decided', `${timeOf(call['decidedAt'])} by ${by}: ${reason}`]];
}

/** Why it is asked about, and whether somebody else has to approve it. */
function reasonsOf(call: JsonObject): readonly string[] {
  const asks = isJsonArray(call['asks'] ?? null) ? (call['asks'] as readonly Json[]) : [];
  return asks.filter(isJsonObject).map((ask) => {
    const other = ask['approver'] === 'another' ? '; somebody else than its person has to approve it' : '';
    return `${textOf(ask['why'])} (policy ${textOf(ask['policy'])}${other})`;
  });
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function timeOf(value: Json | undefined): string {
  return typeof value === 'number' ? new Date(value).toISOString() : '-';
}
