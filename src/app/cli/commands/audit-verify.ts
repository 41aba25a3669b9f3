import type { KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Comparison, compareCopies } from '../../../audit/compare-copies.ts';
import { readWitnessKey } from '../../../audit/cosignature.ts';
import { folderKey, originOf, readPublicKey } from '../../../audit/log-folder.ts';
import { type AuditVerification, type VerifyOptions, verifyAuditLog } from '../../../audit/verify.ts';
import { holdsCopies, verifyCopies } from '../../../audit/verify-copies.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { formatTable, printable } from '../format-table.ts';

/** How deep logs are looked for with --all. */
const depth = 8;

/** `audit verify`: one log, many of them, and copies of logs; it reads files only and needs no authority. */
export const auditVerifyCommand: Command = {
  path: ['audit', 'verify'],
  summary: 'Verify whole logs or copies of them, and name the first broken entry of each',
  example: 'countersign audit verify ./data/gateway-log --key ./gateway-log.pem',
  flags: [
    {
      name: 'key',
      kind: 'list',
      placeholder: 'file',
      meaning: 'the public key of a log in PEM, kept outside its folder; may be repeated for many logs',
    },
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
    { name: 'all', kind: 'switch', meaning: 'verify every log and every copy in the folders and below' },
    {
      name: 'exported',
      kind: 'list',
      placeholder: 'path',
      meaning: 'what a receiver has of the log, to compare: a file or a folder; may be repeated',
    },
  ],
  positionals: [
    { name: 'folder', meaning: 'the folder of a log, or of copies from an object store', count: 'some' },
  ],
  run: verify,
};

async function verify(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const given = input.words('folder');
  const folders = input.on('all')
    ? (await Promise.all(given.map((one) => logsBelow(one, depth)))).flat()
    : given;
  const [only] = folders;
  if (only === undefined) throw new Fault('not_found', 'There is no audit log in the folders, or below.');
  const keys = await Promise.all(input.list('key').map(readPublicKey));
  const [origin, exported] = [input.text('origin'), input.list('exported')];
  const one = folders.length === 1 && !input.on('all');
  if (!one && (origin !== null || input.list('known').length > 0 || exported.length > 0)) {
    throw new Fault('usage', '--origin, --known and --exported are of one log; give one folder.');
  }
  const options = {
    keys,
    ...(origin === null ? {} : { origin }),
    known: await Promise.all(input.list('known').map(readText)),
    witnesses: input.list('witness').map(readWitnessKey),
  };
  if (!one) return await verifyMany(folders, options);
  const result = await verifyOne(only, options);
  const comparison = exported.length === 0 ? null : await compareCopies(only, exported);
  const lines = [...verificationText(result), ...(comparison ? comparisonText(comparison) : [])];
  return {
    text: lines.map(printable).join('\n'),
    json: { ...jsonOf(result), ...(comparison && { exported: comparisonJson(comparison) }) },
    // 6: a verification ran to its end and found that the thing does not verify.
    exitCode: result.ok && comparison?.ok !== false ? 0 : 6,
  };
}

type ManyOptions = Omit<VerifyOptions, 'publicKey'> & { readonly keys: readonly KeyObject[] };

/** Many logs, each by its own: one that cannot be read at all is a verdict like the others. */
async function verifyMany(folders: readonly string[], options: ManyOptions): Promise<CommandResult> {
  const logs: { readonly folder: string; readonly result: AuditVerification | Fault }[] = [];
  for (const folder of folders) {
    const result = await verifyOne(folder, options).catch((error: unknown) => {
      if (error instanceof Fault) return error;
      throw error;
    });
    logs.push({ folder, result });
  }
  const good = logs.filter(({ result }) => !(result instanceof Fault) && result.ok).length;
  return {
    text: `${formatTable(['verdict', 'log', 'entries', 'signed', 'witnessed', 'folder', 'broken'], logs.map(rowOf))}
${good} of ${logs.length} logs verify.`,
    json: {
      ok: good === logs.length,
      logs: logs.map(({ folder, result }) => ({
        folder,
        ...(result instanceof Fault
          ? { ok: false, code: result.code, reason: result.message }
          : jsonOf(result)),
      })),
    },
    exitCode: good === logs.length ? 0 : 6,
  };
}

function rowOf({ folder, result }: { readonly folder: string; readonly result: AuditVerification | Fault }) {
  if (result instanceof Fault) return { verdict: 'unreadable', folder, broken: result.message };
  const { ok, origin: log, entries, checkpointSize: signed, witnessed, firstBroken } = result;
  return {
    verdict: ok ? 'verifies' : 'broken',
    log,
    entries,
    signed,
    witnessed: witnessed.length === 0 ? null : Math.min(...witnessed.map(({ size }) => size)),
    folder,
    broken:
      firstBroken &&
      `entry ${firstBroken.index} (${firstBroken.file}, line ${firstBroken.line}): ${firstBroken.reason}`,
  };
}

async function verifyOne(folder: string, { keys, ...options }: ManyOptions): Promise<AuditVerification> {
  const [first] = keys;
  if (await holdsCopies(folder)) {
    if (!first)
      throw new Fault('usage', `${folder} holds copies, which have no key of their own: give --key.`);
    return await firstThatFits(keys, (publicKey) => verifyCopies(folder, { publicKey, ...options }));
  }
  if (!first) return await verifyAuditLog(folder, options);
  if (keys.length === 1) return await verifyAuditLog(folder, { publicKey: first, ...options });
  // Of several the one that the folder names: a folder that names another one is verified with the first, and fails.
  const own = await folderKey(folder).catch(() => null);
  return await verifyAuditLog(folder, {
    publicKey: keys.find((key) => own?.equals(key)) ?? first,
    ...options,
  });
}

async function firstThatFits(
  keys: readonly KeyObject[],
  verifyWith: (key: KeyObject) => Promise<AuditVerification>,
): Promise<AuditVerification> {
  let last: AuditVerification | null = null;
  for (const key of keys) {
    last = await verifyWith(key);
    if (last.ok) return last;
  }
  if (last) return last;
  throw new Fault('usage', 'Give --key.');
}

async function logsBelow(folder: string, left: number): Promise<readonly string[]> {
  if ((await originOf(folder)) !== null || (await holdsCopies(folder))) return [folder];
  const names: string[] = left > 0 ? await readdir(folder).catch(() => []) : [];
  const found: string[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    const status = await stat(path).catch(() => null);
    if (status?.isDirectory()) found.push(...(await logsBelow(path, left - 1)));
  }
  return found;
}

function jsonOf(result: AuditVerification) {
  return {
    ...result,
    witnessed: witnessedJson(result),
    torn: result.torn && { ...result.torn },
    firstBroken: result.firstBroken && { ...result.firstBroken },
  };
}

function comparisonJson(comparison: Comparison): Json {
  return {
    ...comparison,
    changed: [...comparison.changed],
    unknown: [...comparison.unknown],
    missing: comparison.missing.map((range) => ({ ...range })),
  };
}

function comparisonText({
  ok,
  same,
  repeated,
  changed,
  missing,
  unknown,
  behind,
}: Comparison): readonly string[] {
  const ranges = missing.map(({ from, to }) => (to === from + 1 ? `${from}` : `${from} to ${to - 1}`));
  return [
    `What was exported ${ok ? 'is' : 'is not'} the log: ${same} entries are the same, ${repeated} came again, ${behind} are still to come.`,
    ...(changed.length > 0 ? [`Changed: ${changed.join(', ')}`] : []),
    ...(ranges.length > 0 ? [`Missing: ${ranges.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`Exported, and not here: ${unknown.join(', ')}`] : []),
  ];
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

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `The file ${path} cannot be read.`, { cause });
  });
}
