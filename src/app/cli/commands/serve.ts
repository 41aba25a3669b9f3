import { resolve } from 'node:path';
import { inviteFirst } from '../../../oauth/people/invitations.ts';
import { enrolLink } from '../../admin/local-person-operations.ts';
import type { Authority } from '../../authority/authority.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { configFlags, loadConfig } from '../../config/load-config.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { passphraseFlags, readPassphrase } from '../passphrase.ts';
import { withoutLikelySecrets } from '../../compose/likely-log.ts';
import { isWorker, runWorker } from '../../workers/run-worker.ts';
import { operatorLog } from '../operator-log.ts';
import { announceListeners, portsFlag, serveUntilEnded } from '../serving.ts';

const folderFlag: Flag = {
  name: 'folder',
  kind: 'text',
  placeholder: 'folder',
  meaning: 'the data folder that `init` made',
  default: '.countersign',
};
/** The commands that stay up. */
export const serveCommands: readonly Command[] = [
  {
    path: ['up'],
    summary: 'Run authority and gateway in one process',
    example: 'countersign up --folder .countersign',
    flags: [folderFlag, portsFlag, ...configFlags, ...passphraseFlags],
    positionals: [],
    run: (context, input) => serve(context, input, { gateway: true }),
  },
  {
    path: ['authority'],
    summary: 'Run the authority alone; gateways elsewhere follow it',
    example: 'countersign authority --folder /var/lib/countersign',
    flags: [folderFlag, portsFlag, ...configFlags, ...passphraseFlags],
    positionals: [],
    run: (context, input) => serve(context, input, { gateway: false }),
  },
];

async function serve(
  context: CommandContext,
  input: CommandInput,
  faces: { readonly gateway: boolean },
): Promise<CommandResult> {
  const { composeDeployment } = await import('../../compose/compose-deployment.ts');
  const config = await loadConfig(context, input, input.must('folder'));
  const log = operatorLog(context, config);
  if (isWorker()) {
    const { clock, redactor } = context;
    await runWorker({ config, clock, redactor, log: withoutLikelySecrets(log) });
    return { text: '', json: null };
  }
  await using deployment = await composeDeployment({
    config,
    data: dataFolder(resolve(input.must('folder'))),
    passphrase: () => readPassphrase(context, input, { confirm: false }),
    gateway: faces.gateway,
    clock: context.clock,
    log,
    redactor: context.redactor,
  });
  announceListeners(context, deployment.listeners);
  await showFirstLink(context, deployment.authority);
  await serveUntilEnded(context, deployment.workers ?? deployment.gateway, config.gateway.drain, log);
  return { text: '', json: null };
}

/** To a person at a terminal and to nobody else: what a service prints ends in a log. */
async function showFirstLink(context: CommandContext, { people, store }: Authority): Promise<void> {
  if (!context.isTty || context.json || (await people.door.places()).length > 0) return;
  const made = await inviteFirst(people.door);
  if (!made) return;
  const link = enrolLink(await store.meta.get('people-url'), made.secret);
  context.stdout.write(
    `Nobody signs in here yet. Whoever opens this link within half an hour is the first:\n  ${link}\n`,
  );
}
