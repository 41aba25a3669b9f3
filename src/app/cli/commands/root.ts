import { resolve } from 'node:path';
import { signRootCrl } from '../../../ca/root-crl.ts';
import { signRootOcsp } from '../../../ca/root-ocsp.ts';
import { signIntermediate } from '../../../ca/sign-intermediate.ts';
import { toBase64 } from '../../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { readTextFile, writeDurably } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { CrlEntry } from '../../../x509/build-crl.ts';
import { type Certificate, readCertificate } from '../../../x509/certificate.ts';
import { decodePem } from '../../../x509/pem.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { readRootKey, rootKeyFlag } from '../root-key.ts';
import { passphraseFlags } from '../passphrase.ts';
import { intermediateLifeFlag, lifeOf, readRequestFile, withRootOcsp } from '../intermediate-request.ts';
import { administer, administrationFlags } from './administration.ts';

/** What the root key is for, beside signing intermediates. */
export const rootCommands: readonly Command[] = [
  {
    path: ['root', 'crl'],
    summary: 'Sign a new CRL with the root key, good for a year; it may revoke an intermediate',
    example: 'countersign root crl --root-key /media/safe/root-key.json',
    flags: [
      rootKeyFlag,
      {
        name: 'revoke-intermediate',
        kind: 'switch',
        meaning:
          'revoke the certificate that issues: nothing is issued any more, and all that was is revoked',
      },
      {
        name: 'revoke-previous',
        kind: 'switch',
        meaning: 'revoke the intermediate that a rotation is replacing, and with it all that it issued',
      },
      ...administrationFlags,
    ],
    positionals: [],
    run: signCrl,
  },
  {
    path: ['root', 'sign'],
    summary: 'Sign the request of `rotate intermediate --request-out` with a root key that is kept offline',
    example: 'countersign root sign request.pem --root-key /media/safe/root-key.json --out intermediate.pem',
    flags: [
      { ...rootKeyFlag, meaning: 'the root key, sealed or in PEM', required: true },
      {
        name: 'out',
        kind: 'text',
        placeholder: 'file',
        meaning: 'where the certificate goes',
        required: true,
      },
      intermediateLifeFlag,
      ...passphraseFlags,
    ],
    positionals: [{ name: 'request', meaning: 'the file with the request', count: 'one' }],
    run: signRequest,
  },
];

async function signRequest(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const order = readRequestFile(await readTextFile(resolve(input.word('request'))));
  await using key = await readRootKey(context, input, order.root);
  const life = lifeOf(input);
  const certificate = await signIntermediate({ ...order, now: context.clock.now(), life }, key);
  const out = resolve(input.must('out'));
  await writeDurably(
    out,
    await withRootOcsp(certificate, { ...order, now: context.clock.now() }, key),
    0o644,
  );
  const { commonName, permittedUris, permittedDns, serial, notAfter } = certificate;
  const names = [...(permittedUris ?? []), ...(permittedDns ?? [])];
  return {
    text: [
      `The intermediate ${commonName} is in ${out}, good until ${new Date(notAfter).toISOString()}.`,
      `It may name: ${names.join(', ')}.`,
      `Next: countersign rotate intermediate --certificate ${input.must('out')}`,
    ].join('\n'),
    json: { file: out, serial, notAfter, names },
  };
}

async function signCrl(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const before = readState(
    await administer(context, input, 'root-crl.show', { previous: input.on('revoke-previous') }),
  );
  const now = context.clock.now();
  const ending = endingOf(before, input);
  const kept = before.entries.filter(({ serial }) => serial !== ending);
  const entries: readonly CrlEntry[] =
    ending === null ? kept : [...kept, { serial: ending, revokedAt: now, reason: 'cACompromise' }];
  // Closed at the end: a key on a token has a process of its own.
  await using key = await readRootKey(context, input, before.root);
  const crl = await signRootCrl({ root: before.root, now, number: before.number + 1, entries }, key);
  const intermediates = [before.intermediate, ...(before.previous === null ? [] : [before.previous])];
  const ocsp = await signRootOcsp({ root: before.root, intermediates, entries, now }, key);
  const order = { crl: toBase64(crl.der), ocsp: ocsp.map(toBase64) };
  const json = await administer(context, input, 'root-crl.replace', order);
  const revoked = isJsonObject(json) && Array.isArray(json['revoked']) ? json['revoked'].length : 0;
  const until = new Date(crl.nextUpdate).toISOString();
  return {
    text:
      `The CRL of the root has number ${crl.number} and is good until ${until}.` +
      (ending === null ? '' : ` The intermediate is revoked, and with it ${revoked} certificates.`) +
      (input.on('revoke-intermediate') ? ' Nothing is issued here any more.' : ''),
    json: { number: crl.number, nextUpdate: crl.nextUpdate, entries: entries.length, revoked },
  };
}

function endingOf(before: State, input: CommandInput): string | null {
  if (input.on('revoke-intermediate')) return before.intermediate;
  if (!input.on('revoke-previous')) return null;
  if (before.previous !== null) return before.previous;
  throw new Fault('conflict', 'No intermediate is being replaced. See: countersign rotate status');
}

interface State {
  readonly root: Certificate;
  readonly intermediate: string;
  readonly previous: string | null;
  readonly number: number;
  readonly entries: readonly CrlEntry[];
}

function readState(json: Json): State {
  const { root, intermediate, previous, number, entries } = isJsonObject(json) ? json : {};
  const [der] = typeof root === 'string' ? decodePem(root, 'CERTIFICATE') : [];
  if (!der || typeof intermediate !== 'string' || typeof number !== 'number' || !Array.isArray(entries)) {
    throw new Fault('unavailable', 'The authority answered without its root. Is it older than this program?');
  }
  const retiring = typeof previous === 'string' ? previous : null;
  return { root: readCertificate(der), intermediate, previous: retiring, number, entries };
}
