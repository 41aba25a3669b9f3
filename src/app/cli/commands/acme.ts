import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { wholeMinutes } from '../flag-value.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { rows } from './show-json.ts';

/** The commands about the ACME door: its external account keys and its accounts. */
export const acmeCommands: readonly Command[] = [
  {
    path: ['acme-key', 'create'],
    summary: 'Make a one-time external account key with which an ACME client opens its account',
    example: 'countersign acme-key create files --dns files.example.internal --life 1h',
    flags: [
      {
        name: 'kind',
        kind: 'text',
        meaning: 'what the account is bound to',
        choices: ['server', 'agent'],
        default: 'server',
      },
      { name: 'life', kind: 'duration', meaning: 'how long the key can be used, at most 7d', default: '1h' },
      {
        name: 'dns',
        kind: 'list',
        meaning:
          'a DNS name that its orders may be for; a server without any may have what it proves to hold',
      },
      { name: 'ip', kind: 'list', meaning: 'an IP address that its orders may be for' },
      ...administrationFlags,
    ],
    positionals: [{ name: 'name', meaning: 'the name of the registered server or agent', count: 'one' }],
    run: createKey,
  },
  {
    path: ['acme-key', 'list'],
    summary: 'List the external account keys, without their secrets',
    example: 'countersign acme-key list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'acme-key.list', {});
      return {
        text: formatTable(['id', 'kind', 'name', 'expiresAt', 'usedAt', 'createdBy'], rows(json)),
        json,
      };
    },
  },
  {
    path: ['acme-key', 'remove'],
    summary: 'Remove an external account key that was not used',
    example: 'countersign acme-key remove Zk3vQp0aRr2m9sT1uVwXyA',
    flags: administrationFlags,
    positionals: [{ name: 'id', meaning: 'its id, as the list shows it', count: 'one' }],
    async run(context, input) {
      const id = input.word('id');
      const json = await administer(context, input, 'acme-key.remove', { id });
      return { text: `Removed ${id}.`, json };
    },
  },
  {
    path: ['acme-account', 'list'],
    summary: 'List the ACME accounts and what each is bound to',
    example: 'countersign acme-account list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'acme-account.list', {});
      return { text: formatTable(['id', 'status', 'kind', 'name', 'createdAt'], rows(json)), json };
    },
  },
  {
    path: ['acme-account', 'revoke'],
    summary: 'End an ACME account; its certificates stay until they are revoked or over',
    example: 'countersign acme-account revoke Zk3vQp0aRr2m9sT1uVwXyA',
    flags: administrationFlags,
    positionals: [{ name: 'id', meaning: 'its id, as the list shows it', count: 'one' }],
    async run(context, input) {
      const id = input.word('id');
      const json = await administer(context, input, 'acme-account.revoke', { id });
      return { text: `The account ${id} is revoked.`, json };
    },
  },
];

async function createKey(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const name = input.word('name');
  const kind = input.must('kind');
  const json = await administer(context, input, 'acme-key.create', {
    name,
    kind,
    minutes: wholeMinutes(input.duration('life') ?? 0, '--life'),
    dnsNames: input.list('dns'),
    ipAddresses: input.list('ip'),
  });
  if (!isJsonObject(json)) return { text: '', json };
  const until = typeof json['expiresAt'] === 'number' ? new Date(json['expiresAt']).toISOString() : '';
  return {
    text: [
      `External account key for ${kind} ${name}, usable once until ${until}:`,
      '',
      `  key id    ${text(json['keyId'])}`,
      `  HMAC key  ${text(json['hmacKey'])}`,
      '',
      `Root fingerprint to check: ${text(json['rootFingerprint'])}`,
    ].join('\n'),
    json,
  };
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
