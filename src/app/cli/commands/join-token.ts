import { isJsonObject, type Json, type JsonObject } from '../../../kernel/canonical-json.ts';
import type { Command } from '../command.ts';
import { wholeMinutes } from '../flag-value.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { rows } from './show-json.ts';

/** The commands about join tokens. */
export const joinTokenCommands: readonly Command[] = [
  {
    path: ['join-token', 'create'],
    summary:
      'Make a token with which an agent, server or gateway gets its first certificate, once or for a batch',
    example: 'countersign join-token create ci-bot --life 10m',
    flags: [
      {
        name: 'kind',
        kind: 'text',
        meaning: 'what the certificate is for',
        choices: ['agent', 'ephemeral', 'server', 'gateway', 'admin'],
        default: 'agent',
      },
      {
        name: 'life',
        kind: 'duration',
        meaning: 'how long the token can be used, at most 24h',
        default: '10m',
      },
      {
        name: 'count',
        kind: 'integer',
        placeholder: 'n',
        meaning: 'make a batch token, good for so many new names of a pattern such as runner-*',
      },
      { name: 'owner', kind: 'text', meaning: 'who answers for the agents of a batch; you unless given' },
      { name: 'purpose', kind: 'text', meaning: 'what the agents of a batch are for' },
      { name: 'role', kind: 'list', meaning: 'a role of the agents of a batch; may be repeated' },
      {
        name: 'dns',
        kind: 'list',
        meaning:
          'a DNS name the certificate may carry (servers and gateways); for a batch {name} stands in it for the name',
      },
      { name: 'ip', kind: 'list', meaning: 'an IP address the certificate may carry (servers and gateways)' },
      ...administrationFlags,
    ],
    positionals: [
      {
        name: 'name',
        meaning: 'the name that the certificate will carry, or the pattern of a batch',
        count: 'one',
      },
    ],
    async run(context, input) {
      const json = await administer(context, input, 'join-token.create', {
        name: input.word('name'),
        kind: input.must('kind'),
        minutes: wholeMinutes(input.duration('life') ?? 0, '--life'),
        dnsNames: input.list('dns'),
        ipAddresses: input.list('ip'),
        ...given({
          count: input.integer('count'),
          owner: input.text('owner'),
          purpose: input.text('purpose'),
          roles: input.list('role').length === 0 ? null : input.list('role'),
        }),
      });
      if (!isJsonObject(json)) return { text: '', json };
      const count = input.integer('count');
      const uses = count === null ? 'once' : `${count} times`;
      return {
        text: [
          `Join token for ${input.must('kind')} ${input.word('name')}, usable ${uses} until ${dateOf(json['expiresAt'])}:`,
          '',
          `  ${text(json['token'])}`,
          '',
          `Root fingerprint to check: ${text(json['rootFingerprint'])}`,
        ].join('\n'),
        json,
      };
    },
  },
  {
    path: ['join-token', 'list'],
    summary: 'List the join tokens: for whom, used how often, until when; never their text',
    example: 'countersign join-token list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'join-token.list', {});
      const columns = ['id', 'name', 'kind', 'state', 'used', 'count', 'expiresAt', 'createdBy'];
      return { text: formatTable(columns, rows(json)), json };
    },
  },
  {
    path: ['join-token', 'end'],
    summary: 'End a join token before its time',
    example: 'countersign join-token end pZ0fX3mJr1Qw7vTn5bYk2A',
    flags: administrationFlags,
    positionals: [{ name: 'id', meaning: 'its id, from the list', count: 'one' }],
    async run(context, input) {
      const json = await administer(context, input, 'join-token.end', { id: input.word('id') });
      const ended = isJsonObject(json) && json['ended'] === true;
      return {
        text: ended
          ? 'The token is not accepted any more. Certificates that it gave stay: countersign revoke agent'
          : 'The token was used up or over already.',
        json,
      };
    },
  },
];

/** The members that were given. */
function given(members: Readonly<Record<string, Json | null>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

function dateOf(value: unknown): string {
  return typeof value === 'number' ? new Date(value).toISOString() : String(value);
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
