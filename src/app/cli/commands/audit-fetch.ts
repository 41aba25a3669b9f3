import { resolve } from 'node:path';
import { fetchCopies } from '../../../export/s3/fetch-copies.ts';
import { readTextFile } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';

/** `audit fetch`: copies of a log out of an object store, to be verified. */
export const auditFetchCommand: Command = {
  path: ['audit', 'fetch'],
  summary: 'Copy what an object store has of a log into a folder, to verify it there',
  example:
    'countersign audit fetch ./copies --exports ./audit-export.yaml --destination archive --origin example.internal/gateway/edge-1',
  flags: [
    {
      name: 'exports',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the audit-export.yaml with the destination; its references are env: and file: here',
      required: true,
    },
    {
      name: 'destination',
      kind: 'text',
      placeholder: 'name',
      meaning: 'a destination of kind s3',
      required: true,
    },
    { name: 'origin', kind: 'text', meaning: 'the origin of the log', required: true },
  ],
  positionals: [{ name: 'folder', meaning: 'the folder to copy into', count: 'one' }],
  run: fetchLog,
};

async function fetchLog(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { readAuditExport } = await import('../../config/audit-export-file.ts');
  const { openStore } = await import('../../compose/open-destination.ts');
  const { createSecretResolver } = await import('../../../secrets/resolve.ts');
  const [file, name] = [input.must('exports'), input.must('destination')];
  const settings = readAuditExport(file, await readTextFile(file)).destinations.find(
    (one) => one.name === name,
  );
  if (settings?.kind !== 's3') {
    throw new Fault('not_found', `${file} has no destination ${name} of kind s3.`);
  }
  const { clock, redactor } = context;
  await using secrets = createSecretResolver({ environment: context.env, redactor, clock });
  await using store = await openStore(settings, { secrets, clock });
  const folder = resolve(input.word('folder'));
  const place = { prefix: settings.prefix, origin: input.must('origin') };
  const files = await fetchCopies(store, place, folder, context.ended);
  return {
    text: `${files} files are in ${folder}. Verify them with: countersign audit verify ${folder} --key FILE`,
    json: { files, folder },
  };
}
