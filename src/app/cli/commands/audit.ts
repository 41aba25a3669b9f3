import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type EntryProof, proveEntry, verifyProof } from '../../../audit/prove.ts';
import type { Entry } from '../../../audit/entry.ts';
import { tailLog } from '../../../audit/tail.ts';
import { type Verification, verifyAuditLog } from '../../../audit/verify.ts';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { writeDurably } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { exitCodeFor } from '../exit-codes.ts';
import { printable } from '../format-table.ts';

const folder = { name: 'folder', meaning: 'the folder of the log', count: 'one' } as const;
const keyFlag: Flag = {
  name: 'key',
  kind: 'text',
  placeholder: 'file',
  meaning: "the log's public key in PEM, kept elsewhere, instead of the one in its folder",
};

/** The commands about the audit log; they read its files only and need no authority. */
export const auditCommands: readonly Command[] = [
  {
    path: ['audit', 'verify'],
    summary: 'Verify a log: links, signed checkpoints, nothing missing',
    example: 'countersign audit verify .countersign/gateway-log',
    flags: [
      keyFlag,
      {
        name: 'known',
        kind: 'list',
        placeholder: 'file',
        meaning: 'a checkpoint of this log kept elsewhere; may be repeated',
      },
    ],
    positionals: [folder],
    run: verify,
  },
  {
    path: ['audit', 'tail'],
    summary: 'Show the entries of a log',
    example: 'countersign audit tail .countersign/gateway-log --follow --agent ci-bot',
    flags: [
      {
        name: 'from',
        kind: 'integer',
        placeholder: 'index',
        meaning: 'the first entry to show',
        default: '0',
      },
      { name: 'follow', kind: 'switch', meaning: 'go on with entries as they come' },
      { name: 'agent', kind: 'text', placeholder: 'name', meaning: 'only what concerns this agent' },
      {
        name: 'type',
        kind: 'text',
        placeholder: 'prefix',
        meaning: "only this type, or a group such as 'call.'",
      },
    ],
    positionals: [folder],
    run: tail,
  },
  {
    path: ['audit', 'prove'],
    summary: 'Prove one entry against a signed checkpoint, or check such a proof',
    example: 'countersign audit prove .countersign/gateway-log 42 --out proof.json',
    flags: [
      { name: 'out', kind: 'text', placeholder: 'file', meaning: 'where to write the proof' },
      { name: 'check', kind: 'text', placeholder: 'file', meaning: 'a proof to check; needs --key' },
      keyFlag,
    ],
    positionals: [
      { name: 'folder', meaning: 'the folder of the log', count: 'optional' },
      { name: 'index', meaning: 'the index of the entry', count: 'optional' },
    ],
    run: prove,
  },
];

async function verify(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const publicKey = await keyOf(input);
  const known = await Promise.all(input.list('known').map((file) => readFile(file, 'utf8')));
  const found = await verifyAuditLog(input.word('folder'), { ...(publicKey && { publicKey }), known });
  return {
    text: describe(found),
    json: { ...found, firstBroken: found.firstBroken && { ...found.firstBroken } },
    exitCode: found.ok ? 0 : exitCodeFor('audit_broken'),
  };
}

function describe(found: Verification): string {
  const { firstBroken, entries, covered, checkpoints, keyFrom } = found;
  if (firstBroken) {
    const where = firstBroken.line > 0 ? `${firstBroken.file} line ${firstBroken.line}` : firstBroken.file;
    return [
      `BROKEN at entry ${firstBroken.index} (${where}): ${firstBroken.reason}`,
      `The ${entries} entries before it hold; ${covered} of them are under a signed checkpoint.`,
    ].join('\n');
  }
  const lines = [
    `The log ${printable(found.origin)} verifies: ${entries} entries, ${covered} under ${checkpoints} signed checkpoints.`,
  ];
  if (found.unfinished > 0) lines.push(`After them stand ${found.unfinished} octets of an unfinished entry.`);
  if (keyFrom === 'folder')
    lines.push(
      'The key was the one in the folder; with --key, one kept elsewhere also shows a replaced log.',
    );
  return lines.join('\n');
}

async function tail(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const agent = input.text('agent');
  const type = input.text('type');
  const follow = input.on('follow');
  const signal = follow ? context.ended : new AbortController().signal;
  for await (const entry of tailLog(input.word('folder'), {
    from: input.integer('from') ?? 0,
    follow,
    signal,
  })) {
    const { event } = entry;
    if (agent !== null && event['agent'] !== agent && event['name'] !== agent) continue;
    if (type !== null && !(typeof event['type'] === 'string' && event['type'].startsWith(type))) continue;
    const line = context.json ? JSON.stringify(entry) : lineOf(entry);
    if (!context.stdout.write(`${line}\n`)) await drained(context);
  }
  return { text: '', json: null };
}

function drained(context: CommandContext): Promise<void> {
  return new Promise((resolve) => context.stdout.once('drain', () => resolve()));
}

function lineOf({ index, time, event }: Entry): string {
  const { type, ...rest } = event;
  const shown = ['agent', 'name', 'server', 'code', 'reason', 'policies', 'status', 'serial', 'messages'];
  const parts = shown.flatMap((name) => {
    const value = rest[name];
    if (value === undefined || value === null || value === '') return [];
    return [`${name}=${name === 'messages' ? methods(value) : JSON.stringify(value)}`];
  });
  return printable(`${index} ${time} ${String(type)} ${parts.join(' ')}`);
}

function methods(value: Json): string {
  if (!Array.isArray(value)) return '';
  return value
    .map((message: Json) => (isJsonObject(message) ? [message['method'], message['target']] : []))
    .map((words) => words.filter((word) => typeof word === 'string').join(':'))
    .join(',');
}

async function prove(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const check = input.text('check');
  if (check !== null) return await checkProof(check, await keyOf(input));
  const [place] = input.words('folder');
  const [index] = input.words('index');
  if (place === undefined || index === undefined || !/^\d{1,15}$/.test(index)) {
    throw new Fault('usage', 'Name the folder of the log and the index of an entry, or --check a proof.');
  }
  const proof = await proveEntry(place, Number(index));
  const json = { ...proof };
  const out = input.text('out');
  if (out === null) return { text: JSON.stringify(json, null, 2), json };
  await writeDurably(out, `${JSON.stringify(json, null, 2)}\n`, 0o644);
  return { text: `The proof of entry ${index} is in ${out}.`, json };
}

async function checkProof(file: string, key: KeyObject | null): Promise<CommandResult> {
  if (!key) throw new Fault('usage', "--check needs --key, the log's public key from a place you trust.");
  const proof = readProof(parseJson(await readFile(file)));
  const entry = verifyProof(proof, key);
  return { text: `The proof holds.\n${proof.line}`, json: { ok: true, entry: { ...entry } } };
}

function readProof(value: Json): EntryProof {
  if (isJsonObject(value) && value['format'] === 'countersign-audit-proof-1') {
    const { line, index, path, checkpoint } = value;
    const texts = Array.isArray(path) ? path.filter((text: Json) => typeof text === 'string') : [];
    if (
      typeof line === 'string' &&
      typeof index === 'number' &&
      typeof checkpoint === 'string' &&
      Array.isArray(path) &&
      texts.length === path.length
    ) {
      return { format: value['format'], line, index, path: texts, checkpoint };
    }
  }
  throw new Fault('invalid_input', 'The file is not a proof that `countersign audit prove` wrote.');
}

async function keyOf(input: CommandInput): Promise<KeyObject | null> {
  const file = input.text('key');
  if (file === null) return null;
  try {
    return createPublicKey(await readFile(file));
  } catch (cause) {
    throw new Fault('invalid_input', `${file} is not a public key in PEM.`, { cause });
  }
}
