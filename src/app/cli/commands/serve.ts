import { resolve } from 'node:path';
import { dataFolder } from '../../authority/data-folder.ts';
import { composeDeployment } from '../../compose/compose-deployment.ts';
import { configFlags, loadConfig } from '../../config/load-config.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { passphraseFlags, readPassphrase } from '../passphrase.ts';
import { announceListeners, portsFlag, untilEnded } from '../serving.ts';

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
  await using deployment = await composeDeployment({
    config: await loadConfig(context, input, input.must('folder')),
    data: dataFolder(resolve(input.must('folder'))),
    passphrase: () => readPassphrase(context, input, { confirm: false }),
    gateway: faces.gateway,
    clock: context.clock,
    log: context.say,
  });
  announceListeners(context, deployment.listeners);
  await untilEnded(context);
  return { text: '', json: null };
}
