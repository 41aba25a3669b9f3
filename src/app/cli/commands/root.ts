import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';
import type { SigningKey } from '../../../ca/issuer.ts';
import { signRootCrl } from '../../../ca/root-crl.ts';
import { signingKey } from '../../../ca/signing-key.ts';
import { toBase64 } from '../../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { readPrivateFile } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { CrlEntry } from '../../../x509/build-crl.ts';
import { type Certificate, readCertificate } from '../../../x509/certificate.ts';
import { decodePem } from '../../../x509/pem.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { openSigningKey } from '../../authority/signing-key-file.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { readPassphrase } from '../passphrase.ts';
import { administer, administrationFlags } from './administration.ts';

/** What the root key is for, beside signing intermediates. */
export const rootCommands: readonly Command[] = [
  {
    path: ['root', 'crl'],
    summary: 'Sign a new CRL with the root key, good for a year; it may revoke an intermediate',
    example: 'countersign root crl --root-key /media/safe/root-key.json',
    flags: [
      {
        name: 'root-key',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the root key, sealed or in PEM; that of the data folder unless given',
      },
      {
        name: 'revoke-intermediate',
        kind: 'switch',
        meaning:
          'revoke the certificate that issues: nothing is issued any more, and all that was is revoked',
      },
      ...administrationFlags,
    ],
    positionals: [],
    run: signCrl,
  },
];

async function signCrl(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const before = readState(await administer(context, input, 'root-crl.show', {}));
  const now = context.clock.now();
  const ends = input.on('revoke-intermediate');
  const kept = before.entries.filter(({ serial }) => serial !== before.intermediate);
  const entries: readonly CrlEntry[] = ends
    ? [...kept, { serial: before.intermediate, revokedAt: now, reason: 'cACompromise' }]
    : before.entries;
  // Closed at the end: a key on a token has a process of its own.
  await using key = await readRootKey(context, input, before.root);
  const crl = await signRootCrl({ root: before.root, now, number: before.number + 1, entries }, key);
  const json = await administer(context, input, 'root-crl.replace', { crl: toBase64(crl.der) });
  const revoked = isJsonObject(json) && Array.isArray(json['revoked']) ? json['revoked'].length : 0;
  const until = new Date(crl.nextUpdate).toISOString();
  return {
    text:
      `The CRL of the root has number ${crl.number} and is good until ${until}.` +
      (ends
        ? ` The intermediate is revoked, and with it ${revoked} certificates. Nothing is issued here any more.`
        : ''),
    json: { number: crl.number, nextUpdate: crl.nextUpdate, entries: entries.length, revoked },
  };
}

interface State {
  readonly root: Certificate;
  readonly intermediate: string;
  readonly number: number;
  readonly entries: readonly CrlEntry[];
}

function readState(json: Json): State {
  const { root, intermediate, number, entries } = isJsonObject(json) ? json : {};
  const [der] = typeof root === 'string' ? decodePem(root, 'CERTIFICATE') : [];
  if (!der || typeof intermediate !== 'string' || typeof number !== 'number' || !Array.isArray(entries)) {
    throw new Fault('unavailable', 'The authority answered without its root. Is it older than this program?');
  }
  return { root: readCertificate(der), intermediate, number, entries };
}

/** An imported root's key is in PEM; one of ours is sealed, or the file says where it lives. */
async function readRootKey(
  context: CommandContext,
  input: CommandInput,
  root: Certificate,
): Promise<SigningKey & AsyncDisposable> {
  const file = resolve(input.text('root-key') ?? dataFolder(input.must('folder')).rootKey);
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
