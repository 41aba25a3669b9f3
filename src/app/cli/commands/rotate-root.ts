import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createNextRoot } from '../../../ca/create-root.ts';
import type { SigningKey } from '../../../ca/issuer.ts';
import { pemOfCertificate } from '../../../ca/pem-of-certificate.ts';
import { maySignCrls, signRootCrl } from '../../../ca/root-crl.ts';
import { readRootKey as readForeignKey, readRootToImport, requireKeyOf } from '../../../ca/import-root.ts';
import { signIntermediate } from '../../../ca/sign-intermediate.ts';
import { signingKey } from '../../../ca/signing-key.ts';
import { toBase64 } from '../../../kernel/bytes.ts';
import { readPrivateFile, readTextFile, writeDurably } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Certificate } from '../../../x509/certificate.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { fingerprintOf } from '../../authority/fingerprint.ts';
import { rootKeyFile } from '../../authority/issuers-disk.ts';
import { newKey } from '../../authority/new-keys.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import {
  intermediateLifeFlag,
  lifeOf,
  type RequestedIntermediate,
  readRequestFile,
  requestFileOf,
  signedIntermediateOf,
  withRootOcsp,
} from '../intermediate-request.ts';
import { readPassphrase, readPassphraseFile } from '../passphrase.ts';
import { administer, administrationFlags } from './administration.ts';
import { keyFlag, nameKey } from './rotate.ts';

/** `rotate root`: a new root and an intermediate below it. */
export const rotateRootCommand: Command = {
  path: ['rotate', 'root'],
  summary:
    'Prepare a new root and an intermediate below it; both roots are trusted until the old one is retired',
  example: 'countersign rotate root --root-key-out /media/safe/next-root-key.json',
  flags: [
    {
      name: 'root-key-out',
      kind: 'text',
      placeholder: 'file',
      meaning: 'where the sealed key of the new root goes; into the data folder unless given',
    },
    {
      name: 'new-root-key',
      kind: 'text',
      placeholder: 'reference',
      meaning: 'where it lives instead: vault:…, aws-kms:… or pkcs11:…; made there if missing',
    },
    {
      name: 'import-root',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the certificate of an existing CA to be the new root',
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
    keyFlag,
    intermediateLifeFlag,
    ...administrationFlags,
  ],
  positionals: [],
  run: rotateRoot,
};

async function rotateRoot(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const life = lifeOf(input);
  const out = await refuseUnkept(input);
  await nameKey(input);
  const asked = readRequestFile(requestFileOf(await administer(context, input, 'rotation.request', {})));
  const now = context.clock.now();
  await using opened = new AsyncDisposableStack();
  const { root, key, kept } = await chooseRoot(context, input, { asked, out, opened });
  const certificate = await signIntermediate({ ...asked, root, now, life }, key);
  const crl = maySignCrls(root) ? await signRootCrl({ root, now, number: 1, entries: [] }, key) : null;
  const json = await administer(context, input, 'rotation.prepare', {
    ...signedIntermediateOf(await withRootOcsp(certificate, { root, now }, key)),
    root: pemOfCertificate(root.der),
    ...(crl && { rootCrl: toBase64(crl.der) }),
  });
  return {
    text: [
      `Prepared: a new root, ${fingerprintOf(root)}, good until ${new Date(root.notAfter).toISOString()}.`,
      ...kept,
      'Gateways trust both roots from now on, agents with their next renewal. When all know it (countersign rotate status): countersign rotate activate',
    ].join('\n'),
    json,
  };
}

interface ChosenRoot {
  readonly root: Certificate;
  readonly key: SigningKey;
  /** Where its key is, for people. */
  readonly kept: readonly string[];
}

/** The key is where it is kept before the root is handed in: a root that counts never has a key that was lost. */
async function chooseRoot(
  context: CommandContext,
  input: CommandInput,
  given: {
    readonly asked: RequestedIntermediate;
    readonly out: string | null;
    readonly opened: AsyncDisposableStack;
  },
): Promise<ChosenRoot> {
  const { asked, out, opened } = given;
  const [trustDomain = ''] = asked.replaces.permittedUris ?? [];
  const imported = input.text('import-root');
  if (imported !== null) {
    const root = readRootToImport(await readTextFile(resolve(imported)), {
      trustDomain,
      clock: context.clock,
    });
    return { root, key: await foreignKey(input, root), kept: [] };
  }
  const made = await newKey(
    input.text('new-root-key'),
    { environment: context.env, clock: context.clock },
    opened,
  );
  const order = { intermediate: asked.replaces, trustDomain, now: context.clock.now(), life: null };
  const root = await createNextRoot(order, made.key);
  const content = await made.content(
    made.held ? '' : await readPassphrase(context, input, { confirm: false }),
  );
  const file = out ?? rootKeyFile(dataFolder(resolve(input.must('folder'))), root);
  if (content !== null) await writeDurably(file, content);
  return {
    root,
    key: made.key,
    kept: [`Its key is in ${file}.`, ...made.notes.map((note) => `Note: ${note}`)],
  };
}

async function foreignKey(input: CommandInput, root: Certificate): Promise<SigningKey> {
  const file = input.text('import-root-key');
  if (file === null) throw new Fault('usage', '--import-root needs --import-root-key.');
  const passphrase = input.text('import-root-passphrase-file');
  const key = readForeignKey(
    Buffer.from(await readPrivateFile(resolve(file))).toString('utf8'),
    passphrase === null ? undefined : await readPassphraseFile(passphrase),
  );
  requireKeyOf(root, key);
  return signingKey(key);
}

/** Where the new key goes is known before anything is made. Throws Fault `usage`, `conflict`. */
async function refuseUnkept(input: CommandInput): Promise<string | null> {
  const out = input.text('root-key-out');
  if (input.text('import-root') !== null) {
    if (out === null && input.text('new-root-key') === null) return null;
    throw new Fault('usage', 'The key of an imported root is not copied: leave the flags for a new one out.');
  }
  if (out === null && input.text('authority') !== null) {
    throw new Fault(
      'usage',
      'Away from the data folder --root-key-out says where the key of the new root goes.',
    );
  }
  if (out === null) return null;
  const exists = await access(resolve(out)).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new Fault('conflict', `${resolve(out)} exists already; a root key is never written over it.`);
  return resolve(out);
}
