import { createPrivateKey } from 'node:crypto';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SigningKey } from '../../ca/issuer.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { type DataFolder, dataFolder } from '../authority/data-folder.ts';
import { rootKeyFile } from '../authority/issuers-disk.ts';
import { openSigningKey } from '../authority/signing-key-file.ts';
import type { CommandContext, CommandInput, Flag } from './command.ts';
import { readPassphrase } from './passphrase.ts';

/** Where the key of the root is. */
export const rootKeyFlag: Flag = {
  name: 'root-key',
  kind: 'text',
  placeholder: 'file',
  meaning: 'the root key, sealed or in PEM; that of the data folder unless given',
};

/**
 * The key of a root for a command that has `rootKeyFlag`: an imported root's key is in PEM; one of ours is sealed, or the
 * file says where it lives. Throws Fault `invalid_input` for the key of another root.
 */
export async function readRootKey(
  context: CommandContext,
  input: CommandInput,
  root: Certificate,
): Promise<SigningKey & AsyncDisposable> {
  const file = resolve(input.text('root-key') ?? (await keptRootKey(dataFolder(input.must('folder')), root)));
  const octets = Buffer.from(await readPrivateFile(file));
  const pem = octets.toString('latin1');
  const key = pem.startsWith('-----BEGIN')
    ? {
        ...signingKey(
          createPrivateKey({
            key: pem,
            ...(pem.includes('ENCRYPTED') && {
              passphrase: await readPassphrase(context, input, { confirm: false }),
            }),
          }),
        ),
        async [Symbol.asyncDispose]() {},
      }
    : await openSigningKey(file, root, {
        passphrase: () => readPassphrase(context, input, { confirm: false }),
        clock: context.clock,
        environment: context.env,
      });
  if (key.publicKey.equals(root.publicKey)) return key;
  throw new Fault('invalid_input', `${file} is not the key of the root.`);
}

/** The key of a root that a rotation brought has a name of its own. */
async function keptRootKey(data: DataFolder, root: Certificate): Promise<string> {
  const own = rootKeyFile(data, root);
  return await access(own).then(
    () => own,
    () => data.rootKey,
  );
}
