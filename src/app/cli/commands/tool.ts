import { createPrivateKey } from 'node:crypto';
import { type CheckpointSigner, checkpointSigner } from '../../../audit/checkpoint.ts';
import { readPrivateFile, readTextFile, writeDurably } from '../../../kernel/durable-file.ts';
import { readToolDefinition, type ToolDefinition } from '../../../mcp/tool-definition.ts';
import { manifestKeyName, writeToolManifest } from '../../tools/tool-manifest.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput } from '../command.ts';
import { formatTable, printable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';

const server = { name: 'server', meaning: 'the name of the MCP server', count: 'one' } as const;
const tool = { name: 'tool', meaning: 'the name of the tool, as its server gives it', count: 'one' } as const;

/** The commands about the tools of MCP servers. */
export const toolCommands: readonly Command[] = [
  {
    path: ['tool', 'list'],
    summary: 'List the tools that servers were seen to have, and where each stands',
    example: 'countersign tool list files',
    flags: administrationFlags,
    positionals: [{ name: 'server', meaning: 'of this server alone', count: 'optional' }],
    async run(context, input) {
      const json = await listed(context, input, input.words('server')[0]);
      const columns = ['server', 'tool', 'state', 'hash', 'seenAt', 'decidedBy', 'name', 'advice'];
      return { text: formatTable(columns, rows(json)), json };
    },
  },
  {
    path: ['tool', 'show'],
    summary: 'Show a tool with its whole definition',
    example: 'countersign tool show files read_text_file',
    flags: administrationFlags,
    positionals: [server, tool],
    async run(context, input) {
      const json = await administer(context, input, 'tool.show', toolOf(input));
      return { text: describe(json), json };
    },
  },
  {
    path: ['tool', 'diff'],
    summary: 'Say what changed in a tool since it was approved',
    example: 'countersign tool diff files read_text_file',
    flags: administrationFlags,
    positionals: [server, tool],
    async run(context, input) {
      const json = await administer(context, input, 'tool.diff', toolOf(input));
      const changes = isJsonObject(json) && Array.isArray(json['changes']) ? json['changes'] : [];
      const text = changes.map((line: Json) => (typeof line === 'string' ? printable(line) : '')).join('\n');
      return { text: text === '' ? 'It is as it was approved.' : text, json };
    },
  },
  {
    path: ['tool', 'approve'],
    summary: 'Let a tool be used as its server gives it now, and in no other form',
    example: 'countersign tool approve files read_text_file',
    flags: [
      { name: 'all', kind: 'switch', meaning: 'every tool of the server that waits' },
      {
        name: 'hash',
        kind: 'text',
        meaning:
          'the hash of the definition that you looked at, or its beginning: refused when it is another one meanwhile',
      },
      {
        name: 'beside',
        kind: 'switch',
        meaning:
          'what was approved before stays approved too: for a server that gives clients different definitions',
      },
      { name: 'same-name', kind: 'switch', meaning: 'although a tool of another server is called the same' },
      ...administrationFlags,
    ],
    positionals: [server, { name: 'tool', meaning: 'the names of the tools', count: 'any' }],
    async run(context, input) {
      const order = {
        server: input.word('server'),
        tools: await chosen(context, input),
        beside: input.on('beside'),
        sameName: input.on('same-name'),
      };
      const json = await administer(context, input, 'tool.approve', order);
      return { text: formatTable(['tool', 'state', 'hash'], rows(json)), json };
    },
  },
  {
    path: ['tool', 'refuse'],
    summary: 'Let a tool not be used, whatever its server says of it',
    example: 'countersign tool refuse files write_file --reason "nobody writes here"',
    flags: [
      { name: 'reason', kind: 'text', meaning: 'why, for the log', required: true },
      ...administrationFlags,
    ],
    positionals: [server, tool],
    async run(context, input) {
      const order = { ...toolOf(input), reason: input.must('reason') };
      const json = await administer(context, input, 'tool.refuse', order);
      return {
        text: `The tool ${input.word('tool')} of ${input.word('server')} is refused. Calls of it end now.`,
        json,
      };
    },
  },
  {
    path: ['tool', 'export'],
    summary:
      'Sign the definitions that are approved, for an authority elsewhere to approve them by the signature',
    example: 'countersign tool export files --key signer.pem --out files.tools',
    flags: [
      {
        name: 'key',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the Ed25519 private key to sign with, in PEM; it stays on this machine',
        required: true,
      },
      {
        name: 'out',
        kind: 'text',
        placeholder: 'file',
        meaning: 'where the signed list is written',
        required: true,
      },
      ...administrationFlags,
    ],
    positionals: [server],
    async run(context, input) {
      const of = input.word('server');
      const signer = await manifestSigner(input.must('key'));
      const texts = await administer(context, input, 'tool.export', { server: of });
      const tools = Array.isArray(texts) ? texts.flatMap((text: Json) => definitionOf(text) ?? []) : [];
      if (tools.length === 0) throw new Fault('not_found', `No tool of ${of} is approved.`);
      const manifest = writeToolManifest({ server: of, issuedAt: context.clock.now(), tools }, signer);
      await writeDurably(input.must('out'), manifest, 0o644);
      const json = {
        server: of,
        tools: tools.map(({ name, hash }) => ({ name, hash })),
        out: input.must('out'),
      };
      return { text: `${tools.length} definitions are signed in ${input.must('out')}.`, json };
    },
  },
  {
    path: ['tool', 'import'],
    summary: 'Approve the definitions of a signed list, whether the server was seen yet or not',
    example: 'countersign tool import files.tools --key signer-public.pem',
    flags: [
      {
        name: 'key',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the Ed25519 public key that it has to be signed with, in PEM',
        required: true,
      },
      { name: 'same-name', kind: 'switch', meaning: 'although tools of other servers are called the same' },
      ...administrationFlags,
    ],
    positionals: [{ name: 'file', meaning: 'the signed list', count: 'one' }],
    async run(context, input) {
      const [manifest, key] = await Promise.all([
        readTextFile(input.word('file')),
        readTextFile(input.must('key')),
      ]);
      const order = { manifest, key, sameName: input.on('same-name') };
      const json = await administer(context, input, 'tool.import', order);
      return { text: formatTable(['server', 'tool', 'state', 'hash'], rows(json)), json };
    },
  },
];

async function manifestSigner(file: string): Promise<CheckpointSigner> {
  const key = createPrivateKey(Buffer.from(await readPrivateFile(file)));
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Fault('key_unacceptable', `${file} is not an Ed25519 key.`);
  return checkpointSigner(manifestKeyName, key);
}

function definitionOf(text: Json): ToolDefinition | null {
  return typeof text === 'string' ? readToolDefinition(JSON.parse(text) as Json) : null;
}

function toolOf(input: CommandInput): { readonly server: string; readonly tool: string } {
  return { server: input.word('server'), tool: input.word('tool') };
}

function listed(context: CommandContext, input: CommandInput, of: string | undefined): Promise<Json> {
  return administer(context, input, 'tool.list', of === undefined ? {} : { server: of });
}

/** What is approved: the definitions as they stand now, or the one whose hash is given. */
async function chosen(context: CommandContext, input: CommandInput): Promise<Json[]> {
  const names = input.words('tool');
  const hash = input.text('hash');
  if (input.on('all') === names.length > 0)
    throw new Fault('usage', 'Name the tools, or give --all for all that wait.');
  if (hash !== null && names.length !== 1) throw new Fault('usage', '--hash is about one tool.');
  const known = rows(await listed(context, input, input.word('server')));
  const wanted = input.on('all')
    ? known.filter(({ state }) => state === 'waiting')
    : names.map((name) => known.find((row) => row['tool'] === name) ?? unseen(input.word('server'), name));
  if (wanted.length === 0) throw new Fault('not_found', `No tool of ${input.word('server')} waits.`);
  return wanted.map((row) => ({ tool: row['tool'] ?? '', hash: hash ?? hashOf(row) }));
}

function hashOf(row: JsonObject): Json {
  if (typeof row['hash'] === 'string') return row['hash'];
  throw new Fault('not_found', `The tool was not seen yet. Give --hash for what was approved before.`);
}

function unseen(of: string, name: string): never {
  throw new Fault('not_found', `No tool "${name}" of ${of} was seen yet. See: countersign tool list ${of}`);
}
