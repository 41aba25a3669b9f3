import { userInfo } from 'node:os';
import { addHold, type Hold, isActive, listHolds, releaseHold } from '../../../audit/holds.ts';
import { segmentsOf } from '../../../audit/log-folder.ts';
import { entryTime } from '../../../audit/entry.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { formatTable, printable } from '../format-table.ts';

const folder = { name: 'folder', meaning: 'the folder of the log', count: 'one' } as const;
const reason: Flag = { name: 'reason', kind: 'text', meaning: 'why, for the record', required: true };
const by: Flag = {
  name: 'by',
  kind: 'text',
  placeholder: 'name',
  meaning: 'who says so; the user of this process unless given',
};

/** Legal holds: they work on the folder of a log, whoever writes it meanwhile. */
export const auditHoldCommands: readonly Command[] = [
  {
    path: ['audit', 'hold', 'add'],
    summary: 'Keep retention from removing anything of a log',
    example: 'countersign audit hold add ./data/gateway-log --reason "case 4711"',
    flags: [reason, by],
    positionals: [folder],
    run: add,
  },
  {
    path: ['audit', 'hold', 'list'],
    summary: 'Show the holds of a log, also those that are over',
    example: 'countersign audit hold list ./data/gateway-log',
    flags: [],
    positionals: [folder],
    run: list,
  },
  {
    path: ['audit', 'hold', 'release'],
    summary: 'End a hold; it is over once the log says so',
    example: 'countersign audit hold release ./data/gateway-log Xc3vQ9 --reason "case closed"',
    flags: [reason, by],
    positionals: [folder, { name: 'hold', meaning: 'the id of the hold', count: 'one' }],
    run: release,
  },
];

async function add(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const path = input.word('folder');
  await segmentsOf(path);
  const id = await addHold(path, wordOf(context, input));
  return { text: `The hold ${id} is on ${path}: nothing of it is removed.`, json: { id } };
}

async function list(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const path = input.word('folder');
  await segmentsOf(path);
  const holds = await listHolds(path);
  const rows = holds.map((hold) => ({
    hold: hold.id,
    state: stateOf(hold),
    since: hold.added.at,
    ...wordsOf(hold),
  }));
  return {
    text:
      holds.length === 0
        ? 'No hold is on this log.'
        : formatTable(['hold', 'state', 'since', 'by', 'reason'], rows),
    json: holds.map((hold) => ({
      id: hold.id,
      active: isActive(hold),
      added: { ...hold.added },
      released: hold.released && { ...hold.released },
    })),
  };
}

async function release(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const [path, id] = [input.word('folder'), input.word('hold')];
  await segmentsOf(path);
  await releaseHold(path, id, wordOf(context, input));
  const text = `The hold ${id} is released. It is over once the log says so: within a minute while it is written.`;
  return { text: printable(text), json: { id } };
}

function wordOf({ clock }: CommandContext, input: CommandInput) {
  return {
    by: input.text('by') ?? userInfo().username,
    reason: input.must('reason'),
    at: entryTime(clock.now()),
  };
}

function wordsOf({ added: { by, reason } }: Hold) {
  return { by, reason };
}

function stateOf(hold: Hold): string {
  if (!isActive(hold)) return 'over';
  return hold.released ? 'released, not recorded yet' : 'active';
}
