import { once } from 'node:events';
import type { Entry } from '../../../audit/entry.ts';
import { tailLog } from '../../../audit/tail.ts';
import { canonicalJson } from '../../../kernel/canonical-json.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { entryText } from './entry-text.ts';

const folder = { name: 'folder', meaning: 'the folder of the log', count: 'one' } as const;

/** The commands about audit logs; they read files only and need no authority. */
export const auditCommands: readonly Command[] = [
  {
    path: ['audit', 'tail'],
    summary: 'Show the newest entries of a log',
    example: 'countersign audit tail ./data/gateway-log --follow --refused',
    flags: [
      { name: 'follow', kind: 'switch', meaning: 'wait for new entries and show them' },
      { name: 'agent', kind: 'text', placeholder: 'name', meaning: 'only entries about this agent' },
      { name: 'refused', kind: 'switch', meaning: 'only what was refused' },
      {
        name: 'type',
        kind: 'text',
        placeholder: 'prefix',
        meaning: "only this type of event, or a group such as 'call.'",
      },
      { name: 'lines', kind: 'integer', meaning: 'how many entries to begin with', default: '10' },
    ],
    positionals: [folder],
    run: tail,
  },
];

async function tail(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const path = input.word('folder');
  const limit = Math.max(0, input.integer('lines') ?? 10);
  const wanted = filterOf(input);
  const recent: Entry[] = [];
  let next = 0;
  for await (const entry of tailLog(path, { follow: false })) {
    next = entry.index + 1;
    if (wanted(entry)) recent.push(entry);
    if (recent.length > limit) recent.shift();
  }
  if (!input.on('follow')) {
    return { text: recent.map(entryText).join('\n'), json: recent.map((entry) => ({ ...entry })) };
  }
  for (const entry of recent) await show(context, entry);
  for await (const entry of tailLog(path, { from: next, follow: true, signal: context.ended })) {
    if (wanted(entry)) await show(context, entry);
  }
  return { text: '', json: null };
}

function filterOf(input: CommandInput): (entry: Entry) => boolean {
  const agent = input.text('agent');
  const refused = input.on('refused');
  const type = input.text('type') ?? '';
  return ({ event }) =>
    (agent === null || [event['agent'], event['name']].includes(agent)) &&
    (!refused || isRefusal(event)) &&
    event.type.startsWith(type);
}

function isRefusal(event: Entry['event']): boolean {
  return event.type.endsWith('.refused') || (event.type === 'admin.command' && 'code' in event);
}

/** One entry a line; with --json the canonical line of the log itself. */
async function show(context: CommandContext, entry: Entry): Promise<void> {
  const line = context.json ? canonicalJson({ ...entry }) : entryText(entry);
  if (!context.stdout.write(`${line}\n`)) await once(context.stdout, 'drain', { signal: context.ended });
}
