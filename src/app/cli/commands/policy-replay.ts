import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../../kernel/fault.ts';
import { type DataFolder, dataFolder } from '../../authority/data-folder.ts';
import { registryOf, replayLog } from '../../policies/replay-log.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { openPolicyFiles } from '../policy-files.ts';
import { administer, administrationFlags } from './administration.ts';

/** `policy replay`: what other policies would have said to the calls on record. */
export const policyReplayCommand: Command = {
  path: ['policy', 'replay'],
  summary: 'Put the calls on record to other policies, and say what they would have decided otherwise',
  example: 'countersign policy replay ./policies-new --since 7d',
  flags: [
    { name: 'since', kind: 'duration', meaning: 'how far back', default: '7d' },
    {
      name: 'log',
      kind: 'list',
      placeholder: 'folder',
      meaning: 'the log of a gateway; may be repeated; those in the data folder when left out',
    },
    ...administrationFlags,
  ],
  positionals: [{ name: 'policies', meaning: 'the folder with the new policies', count: 'one' }],
  run: replay,
};

/** The log of the gateway beside the authority, or those of its workers. */
async function gatewayLogs({ gatewayLog }: DataFolder): Promise<readonly string[]> {
  const names = await readdir(dirname(gatewayLog)).catch((): string[] => []);
  const own = names.filter((name) => name.replace(/-\d+$/, '') === basename(gatewayLog));
  return own.length === 0 ? [gatewayLog] : own.sort().map((name) => join(dirname(gatewayLog), name));
}

async function replay(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { policies } = await openPolicyFiles(input.word('policies'));
  const registry = registryOf(await administer(context, input, 'agent.list', {}));
  const since = context.clock.now() - (input.duration('since') ?? 0);
  const given = input.list('log');
  const logs = given.length > 0 ? given : await gatewayLogs(dataFolder(input.must('folder')));
  const replays = await Promise.all(logs.map((folder) => replayLog(folder, since, { policies, registry })));
  const sum = (pick: (one: (typeof replays)[number]) => number): number =>
    replays.reduce((all, one) => all + pick(one), 0);
  const rows = replays.flatMap(({ calls }) => calls).map((calls) => ({ ...calls }));
  const [looked, same, passedOver] = [
    sum((one) => one.looked),
    sum((one) => one.same),
    sum((one) => one.passedOver),
  ];
  if (looked === 0 && given.length > 1) throw new Fault('not_found', 'There are no calls in these logs.');
  const cut = replays.some((one) => one.cut);
  return {
    text: [
      rows.length === 0
        ? 'Nothing would be decided otherwise.'
        : formatTable(['change', 'agent', 'server', 'call', 'count'], rows),
      '',
      `${looked} calls; ${same} decided the same; ${passedOver} not told enough of (agents that are gone, refused batches, long names).`,
      'Roles are those that the agents have now. Arguments are on record by their hash only.',
      ...(cut ? ['There were more kinds of calls than are told apart.'] : []),
    ].join('\n'),
    json: { changes: rows, looked, same, passedOver, cut },
  };
}
