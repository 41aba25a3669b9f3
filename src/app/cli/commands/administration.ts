import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOperation } from '../../admin/operations.ts';
import { type AdminIdentity, askRemote } from '../../admin/remote-administration.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { openAuthority } from '../../authority/open-authority.ts';
import { findRunning } from '../../authority/running-authority.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { readPrivateFile } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { CommandContext, CommandInput, Flag } from '../command.ts';
import { passphraseFlags, readPassphrase } from '../passphrase.ts';

/** How every administrative command finds its authority. */
export const administrationFlags: readonly Flag[] = [
  {
    name: 'folder',
    kind: 'text',
    placeholder: 'folder',
    meaning: 'the data folder of an authority on this machine',
    default: '.countersign',
  },
  {
    name: 'authority',
    kind: 'text',
    placeholder: 'url',
    meaning: 'an authority elsewhere; needs --admin',
  },
  {
    name: 'admin',
    kind: 'text',
    placeholder: 'folder',
    meaning: 'a folder with the admin certificate.pem, key.pem and roots.pem',
  },
  ...passphraseFlags,
];

/**
 * Runs one administrative operation: at the authority named, else at the one that is running on this data folder,
 * else in this process on the folder itself.
 */
export async function administer(
  context: CommandContext,
  input: CommandInput,
  name: string,
  order: Json,
): Promise<Json> {
  const elsewhere = input.text('authority');
  const data = dataFolder(input.must('folder'));
  if (elsewhere !== null) {
    const place = input.text('admin');
    if (place === null) {
      throw new Fault('usage', '--authority needs --admin, a folder with an admin certificate and its key.');
    }
    return await askRemote(elsewhere, await readAdmin(place), name, order);
  }
  const operation = findOperation(name);
  try {
    const passphrase = (): Promise<string> => readPassphrase(context, input, { confirm: false });
    await using authority = await openAuthority({ data, passphrase, clock: context.clock, log: context.say });
    return await operation.run(authority, order, { name: 'folder-owner', way: 'local' });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'state_locked') throw error;
    const running = await findRunning(data);
    if (!running) throw error;
    return await askRemote(
      running.authority,
      await readAdmin(input.text('admin') ?? data.admin),
      name,
      order,
    );
  }
}

async function readAdmin(place: string): Promise<AdminIdentity> {
  const key = await readPrivateFile(join(place, 'key.pem'));
  return {
    certificate: await readFile(join(place, 'certificate.pem'), 'utf8'),
    key: Buffer.from(key).toString('utf8'),
    authorities: await readFile(join(place, 'roots.pem'), 'utf8'),
  };
}
