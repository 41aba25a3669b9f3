import { statedSize } from '../../../audit/checkpoint.ts';
import { readPublicKey } from '../../../audit/log-folder.ts';
import { readIssuanceProof, verifyIssuance } from '../../../ca/issuance-proof.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { readTextFile, writeDurably } from '../../../kernel/durable-file.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { printable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';

const known: Flag = {
  name: 'known',
  kind: 'text',
  placeholder: 'file',
  meaning: 'an earlier checkpoint of the log that was kept elsewhere; the log has to go on from it',
};

/** Proving that a certificate's issuance is in the log, and checking that with nothing of the authority's. */
export const certProofCommands: readonly Command[] = [
  {
    path: ['cert', 'prove'],
    summary: "Prove that a certificate's issuance is in the log of the authority",
    example: 'countersign cert prove 5f2a90c1d3e4b5a6978812340c0ffee1 --out ./issuance.json',
    flags: [
      { name: 'out', kind: 'text', placeholder: 'file', meaning: 'where to write the proof, as JSON' },
      known,
      ...administrationFlags,
    ],
    positionals: [{ name: 'serial', meaning: 'the serial number, in hex', count: 'one' }],
    run: prove,
  },
  {
    path: ['cert', 'check-proof'],
    summary: "Check the proof of a certificate's issuance, without the authority",
    example: 'countersign cert check-proof ./issuance.json --key ./monitor/public-key.pem',
    flags: [
      {
        name: 'key',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the public key of the log in PEM, kept by whoever checks',
        required: true,
      },
      known,
    ],
    positionals: [{ name: 'proof', meaning: 'the file that cert prove wrote', count: 'one' }],
    run: check,
  },
];

async function prove(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const file = input.text('known');
  const json = await administer(context, input, 'certificate.prove', {
    serial: input.word('serial'),
    ...(file !== null && { known: statedSize(await readTextFile(file)) }),
  });
  const proof = readIssuanceProof(json);
  const text = JSON.stringify(json, null, 2);
  const out = input.text('out');
  if (out === null) return { text, json };
  await writeDurably(out, `${text}\n`, 0o644);
  return { text: `The proof is in ${out}: entry ${proof.index} of the log.`, json };
}

async function check(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const proof = readIssuanceProof(parseJson(await readTextFile(input.word('proof'))));
  const file = input.text('known');
  const before = file === null ? null : await readTextFile(file);
  const publicKey = await readPublicKey(input.must('key'));
  const { certificate, entry, checkpoint } = verifyIssuance(proof, { publicKey, known: before });
  const { serial, uris, notAfter } = certificate;
  const json: Json = {
    ok: true,
    serial,
    spiffeId: uris[0] ?? null,
    notAfter,
    origin: checkpoint.origin,
    size: checkpoint.size,
    index: entry.index,
    time: entry.time,
    known: before === null ? null : statedSize(before),
  };
  const lines = [
    `The certificate ${serial} of ${uris[0] ?? 'nobody'} is in the log ${checkpoint.origin}:`,
    `entry ${entry.index} of ${checkpoint.size}, issued at ${entry.time}.`,
    ...(before === null
      ? []
      : [`The log goes on from the known checkpoint of ${statedSize(before)} entries.`]),
  ];
  return { text: lines.map(printable).join('\n'), json };
}
