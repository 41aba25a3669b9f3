import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { Entry } from '../../../audit/entry.ts';
import { readWitnessKey } from '../../../audit/cosignature.ts';
import { readPublicKey } from '../../../audit/log-folder.ts';
import { tailLog } from '../../../audit/tail.ts';
import { type AuditVerification, verifyAuditLog } from '../../../audit/verify.ts';
import { canonicalJson, type Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { printable } from '../format-table.ts';
import { entryText } from './entry-text.ts';

const folder = { name: 'folder', meaning: 'the folder of the log', count: 'one' } as const;
const keyMeaning = 'the public key of the log in PEM, kept outside its folder';

/** The commands about audit logs; they read files only and need no authority. */
export const auditCommands: readonly Command[] = [
  {
    path: ['audit', 'verify'],
    summary: 'Verify a whole log and name the first broken entry',
    example: 'countersign audit verify ./data/gateway-log --key ./gateway-log.pem',
    flags: [
      { name: 'key', kind: 'text', placeholder: 'file', meaning: keyMeaning },
      { name: 'origin', kind: 'text', meaning: 'the origin that the log must have' },
      {
        name: 'known',
        kind: 'list',
        placeholder: 'file',
        meaning: 'a checkpoint of this log that was kept elsewhere; may be repeated',
      },
      {
        name: 'witness',
        kind: 'list',
        placeholder: 'key',
        meaning: 'the key of a witness whose signature the log must have, name+hash+key; may be repeated',
      },
    ],
    positionals: [folder],
    run: verify,
  },
  {
    path: ['audit', 'tail'],
    summary: 'Show the newest entries of a log',
    example: 'countersign audit tail ./data/gateway-log --follow --refused',
    flags: [
      { name: 'follow', kind: 'switch', meaning: 'wait for new entries and show them' },
      { name: 'agent', kind: 'text', placeholder: 'name', meaning: 'only entries about this agent' },
      { name: 'refused', kind: 'switch', meaning: 'only what was refused' },
      {
        name: 'type',
        kind: 'text',
        placeholder: 'prefix',
        meaning: "only this type of event, or a group such as 'call.'",
      },
      { name: 'lines', kind: 'integer', meaning: 'how many entries to begin with', default: '10' },
    ],
    positionals: [folder],
    run: tail,
  },
];

async function verify(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const [key, origin] = [input.text('key'), input.text('origin')];
  const result = await verifyAuditLog(input.word('folder'), {
    ...(key === null ? {} : { publicKey: await readPublicKey(key) }),
    ...(origin === null ? {} : { origin }),
    known: await Promise.all(input.list('known').map(readText)),
    witnesses: input.list('witness').map(readWitnessKey),
  });
  return {
    text: verificationText(result).map(printable).join('\n'),
    json: {
      ...result,
      witnessed: witnessedJson(result),
      torn: result.torn && { ...result.torn },
      firstBroken: brokenJson(result),
    },
    // 6: a verification ran to its end and found that the thing does not verify.
    exitCode: result.ok ? 0 : 6,
  };
}

function brokenJson({ firstBroken }: AuditVerification): Json {
  return firstBroken && { ...firstBroken };
}

function witnessedJson({ witnessed }: AuditVerification): Json {
  return witnessed.map(({ witness, size, at }) => ({ witness, size, at: new Date(at).toISOString() }));
}

function verificationText(result: AuditVerification): readonly string[] {
  const { firstBroken, torn, entries, checkpoints, checkpointSize, witnessed, removed } = result;
  if (firstBroken) {
    const { index, file, line, reason } = firstBroken;
    return [
      `Broken at entry ${index} (${file}, line ${line}): ${reason}`,
      `The ${entries} entries before it are linked and in order.`,
    ];
  }
  return [
    `The log ${result.origin} verifies: ${entries} entries, ${checkpointSize} of them signed for, in ${checkpoints} checkpoints.`,
    `Merkle root ${result.root}`,
    ...(removed > 0 ? [`${removed} of them were removed by retention; their hashes fit.`] : []),
    ...witnessed.map(
      ({ witness, size, at }) =>
        `The witness ${witness} signed ${size} of them, the last time ${new Date(at).toISOString()}.`,
    ),
    ...(checkpointSize < entries ? [`${entries - checkpointSize} entries have no checkpoint yet.`] : []),
    ...(torn
      ? [`${torn.file}, line ${torn.line}, is half written: a writer is at work, or a crash cut it off.`]
      : []),
    ...(result.keyFrom === 'folder'
      ? ['The key is the one in the folder. Give --key with a copy kept elsewhere: both could be replaced.']
      : []),
  ];
}

async function tail(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const path = input.word('folder');
  const limit = Math.max(0, input.integer('lines') ?? 10);
  const wanted = filterOf(input);
  const recent: Entry[] = [];
  let next = 0;
  for await (const entry of tailLog(path, { follow: false })) {
    next = entry.index + 1;
    if (wanted(entry)) recent.push(entry);
    if (recent.length > limit) recent.shift();
  }
  if (!input.on('follow')) {
    return { text: recent.map(entryText).join('\n'), json: recent.map((entry) => ({ ...entry })) };
  }
  for (const entry of recent) await show(context, entry);
  for await (const entry of tailLog(path, { from: next, follow: true, signal: context.ended })) {
    if (wanted(entry)) await show(context, entry);
  }
  return { text: '', json: null };
}

function filterOf(input: CommandInput): (entry: Entry) => boolean {
  const agent = input.text('agent');
  const refused = input.on('refused');
  const type = input.text('type') ?? '';
  return ({ event }) =>
    (agent === null || [event['agent'], event['name']].includes(agent)) &&
    (!refused || isRefusal(event)) &&
    event.type.startsWith(type);
}

function isRefusal(event: Entry['event']): boolean {
  return event.type.endsWith('.refused') || (event.type === 'admin.command' && 'code' in event);
}

/** One entry a line; with --json the canonical line of the log itself. */
async function show(context: CommandContext, entry: Entry): Promise<void> {
  const line = context.json ? canonicalJson({ ...entry }) : entryText(entry);
  if (!context.stdout.write(`${line}\n`)) await once(context.stdout, 'drain', { signal: context.ended });
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `The file ${path} cannot be read.`, { cause });
  });
}
