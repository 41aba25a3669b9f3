import { type AdminIdentity, askRemote } from '../../admin/remote-administration.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { readIdentityFolder } from '../../authority/identity-folder.ts';
import { findRunning } from '../../authority/running-authority.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import { readCertificate } from '../../../x509/certificate.ts';
import { decodePem } from '../../../x509/pem.ts';
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

/** Runs one administrative operation, as `openAdministration` does. */
export async function administer(
  context: CommandContext,
  input: CommandInput,
  name: string,
  order: Json,
): Promise<Json> {
  await using administration = await openAdministration(context, input);
  return await administration.ask(name, order);
}

/** Where administrative operations are run. */
export interface Administration extends AsyncDisposable {
  ask(name: string, order: Json): Promise<Json>;
}

/**
 * Administration at the authority named, else at the one that is running on this data folder, else in this process on the
 * folder itself. An admin certificate is read for each operation, so that one that was renewed meanwhile is taken.
 */
export async function openAdministration(
  context: CommandContext,
  input: CommandInput,
): Promise<Administration> {
  const elsewhere = input.text('authority');
  const data = dataFolder(input.must('folder'));
  if (elsewhere !== null) {
    const place = input.text('admin');
    if (place === null) {
      throw new Fault('usage', '--authority needs --admin, a folder with an admin certificate and its key.');
    }
    return remote(context, elsewhere, place);
  }
  try {
    const passphrase = (): Promise<string> => readPassphrase(context, input, { confirm: false });
    // Most administration is done at an authority elsewhere, which needs none of this.
    const [{ findOperation }, { openAuthority }] = await Promise.all([
      import('../../admin/operations.ts'),
      import('../../authority/open-authority.ts'),
    ]);
    const authority = await openAuthority({ data, passphrase, clock: context.clock, log: context.say });
    return {
      ask: async (name, order) =>
        await findOperation(name).run(authority, order, { name: 'folder-owner', way: 'local' }),
      [Symbol.asyncDispose]: () => authority[Symbol.asyncDispose](),
    };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'state_locked') throw error;
    const running = await findRunning(data);
    if (!running) throw error;
    return remote(context, running.authority, input.text('admin') ?? data.admin);
  }
}

function remote(context: CommandContext, authority: string, place: string): Administration {
  return {
    ask: async (name, order) => await askRemote(authority, await readAdmin(context, place), name, order),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** An admin certificate that can be shown now. Throws what `readIdentityFolder` throws, or `certificate_expired`. */
async function readAdmin(context: CommandContext, place: string): Promise<AdminIdentity> {
  const identity = await readIdentityFolder(place).catch((error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error;
    throw new Fault('not_found', `${error.message} ${howToGetOne(place)}`, { cause: error });
  });
  const [leaf] = decodePem(identity.certificate, 'CERTIFICATE');
  const { notAfter } = readCertificate(leaf ?? new Uint8Array());
  if (context.clock.now() <= notAfter) return identity;
  throw new Fault(
    'certificate_expired',
    `The admin certificate in ${place} ended at ${new Date(notAfter).toISOString()}. ${howToGetOne(place)}`,
  );
}

function howToGetOne(place: string): string {
  return (
    `Ask another administrator for one, or stop the authority and run on its machine: ` +
    `countersign cert issue <your name> --kind admin --out ${place}`
  );
}
