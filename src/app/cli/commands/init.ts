import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readPrivateFile, readTextFile } from '../../../kernel/durable-file.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { initAuthority, type InitOrder } from '../../authority/init-authority.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { passphraseFlags, readPassphrase, readPassphraseFile } from '../passphrase.ts';
import { Fault } from '../../../kernel/fault.ts';

/** `init`: makes an authority. */
export const initCommand: Command = {
  path: ['init'],
  summary: 'Make a certificate authority in a new folder',
  example: 'countersign init --trust-domain example.internal',
  flags: [
    {
      name: 'folder',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where its state will lie',
      default: '.countersign',
    },
    {
      name: 'trust-domain',
      kind: 'text',
      meaning: 'the SPIFFE trust domain of all its names',
      default: 'example.internal',
    },
    {
      name: 'organization',
      kind: 'text',
      meaning: 'the organization in the CA certificates',
      default: 'Countersign',
    },
    {
      name: 'dns',
      kind: 'list',
      meaning: 'a DNS domain that server certificates may also be for; may be repeated',
    },
    {
      name: 'root-offline',
      kind: 'switch',
      meaning: 'write the root key to a file of its own that the authority never opens',
    },
    { name: 'root-key-out', kind: 'text', placeholder: 'file', meaning: 'that file, for --root-offline' },
    {
      name: 'import-root',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the certificate of an existing CA that shall sign the intermediate',
    },
    {
      name: 'import-root-key',
      kind: 'text',
      placeholder: 'file',
      meaning: 'its private key in PEM (0600); it is used once and not copied',
    },
    {
      name: 'import-root-passphrase-file',
      kind: 'text',
      placeholder: 'file',
      meaning: 'a file (0600) with the passphrase of that key, when it is encrypted',
    },
    {
      name: 'key',
      kind: 'text',
      placeholder: 'reference',
      meaning:
        'where the signing key lives instead of a file: vault:…, aws-kms:… or pkcs11:…; made there if missing',
    },
    {
      name: 'root-key',
      kind: 'text',
      placeholder: 'reference',
      meaning: 'the same for the key of the root, new or imported',
    },
    {
      name: 'if-missing',
      kind: 'switch',
      meaning: 'do nothing where the folder holds a whole authority already, for what starts again and again',
    },
    ...passphraseFlags,
  ],
  positionals: [],
  run: init,
};

async function init(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const data = dataFolder(resolve(input.must('folder')));
  if (input.on('if-missing') && existsSync(data.marker)) {
    return {
      text: `${data.folder} holds an authority already; nothing was done.`,
      json: { folder: data.folder, made: false },
    };
  }
  const keys = { root: input.text('root-key'), intermediate: input.text('key') };
  const imported = await readImport(input);
  const rootKeyOut = readRootKeyOut(input, imported !== null, keys.root !== null);
  const made = await initAuthority({
    data,
    trustDomain: input.must('trust-domain'),
    organization: input.must('organization'),
    dnsDomains: input.list('dns'),
    rootKeyFile: rootKeyOut === null ? data.rootKey : resolve(rootKeyOut),
    imported,
    keys,
    environment: context.env,
    passphrase: () => readPassphrase(context, input, { confirm: true }),
    clock: context.clock,
  });
  const where = 'folder' in input.given ? ` --folder ${input.must('folder')}` : '';
  return {
    text: [
      `The authority of ${made.trustDomain} is in ${data.folder}.`,
      `Root fingerprint: ${made.rootFingerprint}`,
      ...made.notes.map((note) => `Note: ${note}`),
      `Admin certificate for the first ${made.adminHours} hours: ${data.admin}`,
      '',
      `Nothing is permitted yet. Next${where === '' ? '' : `, each with${where}`}:`,
      '  countersign server add …    an MCP server to protect',
      '  countersign agent add …     who may be let in',
      `  ${data.policies}/*.cedar    what they may do`,
      '  countersign up              start',
    ].join('\n'),
    json: { folder: data.folder, ...made },
  };
}

/** The file for an offline root key, or null. What would be ignored is refused: a key is thought safe where it is not. */
function readRootKeyOut(input: CommandInput, imported: boolean, held: boolean): string | null {
  const offline = input.on('root-offline');
  const file = input.text('root-key-out');
  if (imported && (offline || file !== null)) {
    throw new Fault(
      'usage',
      'The key of an imported root is not copied, so it stays where it is: leave --root-offline and --root-key-out out.',
    );
  }
  if (held && (offline || file !== null)) {
    throw new Fault(
      'usage',
      'The root key stays where --root-key says: leave --root-offline and --root-key-out out.',
    );
  }
  if (offline && file === null) {
    throw new Fault(
      'usage',
      '--root-offline needs --root-key-out, the file that will hold the sealed root key.',
    );
  }
  if (!offline && file !== null) {
    throw new Fault('usage', '--root-key-out is the file for --root-offline. Give both, or neither.');
  }
  return file;
}

async function readImport(input: CommandInput): Promise<InitOrder['imported']> {
  const certificate = input.text('import-root');
  const key = input.text('import-root-key');
  const passphraseFile = input.text('import-root-passphrase-file');
  const held = input.text('root-key') !== null;
  if (certificate === null && key === null && passphraseFile === null) return null;
  if (certificate === null || (key === null && !held)) {
    throw new Fault(
      'usage',
      'Importing a CA needs --import-root and its key: --import-root-key, or --root-key where it is held.',
    );
  }
  if (key !== null && held) {
    throw new Fault('usage', 'The key of the root is given twice: --import-root-key and --root-key.');
  }
  if (key === null && passphraseFile !== null) {
    throw new Fault('usage', '--import-root-passphrase-file is for --import-root-key.');
  }
  return {
    certificate: await readTextFile(certificate),
    key:
      key === null
        ? null
        : {
            pem: Buffer.from(await readPrivateFile(key)).toString('utf8'),
            passphrase: passphraseFile === null ? null : await readPassphraseFile(passphraseFile),
          },
  };
}
