import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPublicKey } from '../../../audit/log-folder.ts';
import { type EntryProof, proveEntry, readProof, verifyProof } from '../../../audit/prove.ts';
import { readEntry } from '../../../audit/entry.ts';
import { tailLog } from '../../../audit/tail.ts';
import { fromBase64, toBase64 } from '../../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { writeDurably } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import {
  checkEvidence,
  type ShownCall,
  type Signer,
  signatureOf,
} from '../../../oauth/signed-call/evidence.ts';
import { sequence, unsignedInteger } from '../../../x509/der.ts';
import { decodePem, encodePem } from '../../../x509/pem.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { printable } from '../format-table.ts';
import { entryText } from './entry-text.ts';

/** The commands that show one entry of a log to others; they read files only. */
export const auditProofCommands: readonly Command[] = [
  {
    path: ['audit', 'prove'],
    summary: 'Prove that one entry is in the log that its checkpoint signs, and who signed the call',
    example: 'countersign audit prove ./data/gateway-log 42 --out ./entry-42.json',
    flags: [
      { name: 'out', kind: 'text', placeholder: 'file', meaning: 'where to write the proof, as JSON' },
      {
        name: 'chain',
        kind: 'text',
        placeholder: 'file',
        meaning: 'authorities above the certificate of a signed call, in PEM, beside those in the log',
      },
      {
        name: 'evidence',
        kind: 'text',
        placeholder: 'folder',
        meaning: 'where to write the parts of a signed call for other programs',
      },
    ],
    positionals: [
      { name: 'folder', meaning: 'the folder of the log', count: 'one' },
      { name: 'index', meaning: 'the index of the entry', count: 'one' },
    ],
    run: prove,
  },
  {
    path: ['audit', 'check-proof'],
    summary: 'Check the proof of an entry, and the signature of its call, without the log',
    example: 'countersign audit check-proof ./entry-42.json --key ./gateway-log.pem --root ./root.pem',
    flags: [
      {
        name: 'key',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the public key of the log in PEM, kept outside its folder',
        required: true,
      },
      {
        name: 'root',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the roots, in PEM, that the certificate of a signed call has to lead to',
      },
    ],
    positionals: [{ name: 'proof', meaning: 'the file that audit prove wrote', count: 'one' }],
    run: checkProof,
  },
];

async function prove(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const word = input.word('index');
  if (!/^\d{1,15}$/.test(word)) {
    throw new Fault('usage', `${word} is not the index of an entry: a whole number, from 0.`);
  }
  const folder = input.word('folder');
  const proof = await proveEntry(folder, Number(word));
  const signer = await signerOf(folder, proof, input.text('chain'));
  const evidence = input.text('evidence');
  if (evidence !== null) await writeEvidence(evidence, proof, signer);
  const json: Json = { ...proof, ...(signer && { signer: signerJson(signer) }) };
  const out = input.text('out');
  if (out === null) return { text: JSON.stringify(json, null, 2), json };
  await writeDurably(out, `${JSON.stringify(json, null, 2)}\n`, 0o644);
  return { text: `The proof of entry ${proof.index} is in ${out}.`, json };
}

/** Who signed the call of an entry, as the log says before it; null for any other entry. Throws Fault `not_found`. */
async function signerOf(folder: string, proof: EntryProof, chain: string | null): Promise<Signer | null> {
  const { event } = readEntry(proof.entry);
  if (!signatureOf(event)) return null;
  const more = chain === null ? [] : decodePem(await readText(chain), 'CERTIFICATE');
  for await (const entry of tailLog(folder, { follow: false })) {
    if (entry.index >= proof.index) break;
    const { type, thumbprint } = entry.event;
    if (type !== 'call.signer' || thumbprint !== event['thumbprint']) continue;
    const { certificate, issuers } = readSigner(entry.event);
    return { certificate, issuers: [...issuers, ...more] };
  }
  throw new Fault(
    'not_found',
    `The log in ${folder} has no certificate of the signer of entry ${proof.index}. Are its older files in their place?`,
  );
}

/** What a third party needs, each in a file, for programs that know nothing of this log. */
async function writeEvidence(folder: string, { entry }: EntryProof, signer: Signer | null): Promise<void> {
  const signature = signatureOf(readEntry(entry).event);
  if (!signature || !signer) {
    throw new Fault(
      'not_found',
      'The entry is of a call that was not signed, so that there is no evidence of it.',
    );
  }
  const { base, value } = signature;
  const der = sequence(unsignedInteger(value.subarray(0, 32)), unsignedInteger(value.subarray(32)));
  const files = {
    'signed.txt': base,
    'signature.der': der,
    'certificate.pem': encodePem('CERTIFICATE', signer.certificate),
    'chain.pem': signer.issuers.map((issuer) => encodePem('CERTIFICATE', issuer)).join(''),
    'entry.json': entry,
  };
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeDurably(join(folder, name), content, 0o644);
}

async function checkProof(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const given = parseJson(await readText(input.word('proof')));
  const { entry, checkpoint } = verifyProof(readProof(given), await readPublicKey(input.must('key')));
  const shown = await checkSigned(entry, given, input.text('root'));
  const json = { ok: true, origin: checkpoint.origin, size: checkpoint.size, entry: { ...entry } };
  return {
    text: [
      `Entry ${entry.index} is in the log ${checkpoint.origin} of ${checkpoint.size} entries:`,
      entryText(entry),
      ...(shown ? signedText(shown) : []),
    ]
      .map(printable)
      .join('\n'),
    json: shown ? { ...json, signed: { ...shown } } : json,
  };
}

async function checkSigned(
  entry: ReturnType<typeof readEntry>,
  given: Json,
  rootFile: string | null,
): Promise<ShownCall | null> {
  const roots = rootFile === null ? null : decodePem(await readText(rootFile), 'CERTIFICATE');
  if (!signatureOf(entry.event)) return null;
  const signer = readSigner(
    isJsonObject(given) && isJsonObject(given['signer'] ?? null) ? given['signer'] : {},
  );
  return checkEvidence(entry, signer, roots);
}

function signedText({ spiffeId, thumbprint, signed, root }: ShownCall): readonly string[] {
  return [
    `It was signed by ${spiffeId} with the certificate ${thumbprint}:`,
    ...signed.map((line) => `  ${line}`),
    root === null
      ? 'Whether the certificate is of an authority of yours was not looked at: give --root.'
      : `The certificate was in force then, and leads to the root ${root.replaceAll('\n', ', ')}.`,
  ];
}

function signerJson({ certificate, issuers }: Signer): Json {
  return { certificate: toBase64(certificate), issuers: issuers.map(toBase64) };
}

function readSigner(value: unknown): Signer {
  const { certificate, issuers } = isJsonObject(value) ? (value as Record<string, Json>) : {};
  const octets = (text: Json | undefined): Uint8Array | null =>
    typeof text === 'string' ? fromBase64(text) : null;
  const leaf = octets(certificate);
  const above = Array.isArray(issuers) ? issuers.map(octets) : [null];
  if (!leaf || above.includes(null)) {
    throw new Fault(
      'invalid_input',
      'The proof of a signed call has a signer with a certificate and issuers.',
    );
  }
  return { certificate: leaf, issuers: above.filter((one) => one !== null) };
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `The file ${path} cannot be read.`, { cause });
  });
}
