import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import type { Command } from '../command.ts';
import { wholeMinutes } from '../flag-value.ts';
import { administer, administrationFlags } from './administration.ts';

/** The commands about join tokens. */
export const joinTokenCommands: readonly Command[] = [
  {
    path: ['join-token', 'create'],
    summary: 'Make a one-time token with which an agent, server or gateway gets its first certificate',
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
      { name: 'dns', kind: 'list', meaning: 'a DNS name the certificate may carry (servers and gateways)' },
      { name: 'ip', kind: 'list', meaning: 'an IP address the certificate may carry (servers and gateways)' },
      ...administrationFlags,
    ],
    positionals: [{ name: 'name', meaning: 'the name that the certificate will carry', count: 'one' }],
    async run(context, input) {
      const json = await administer(context, input, 'join-token.create', {
        name: input.word('name'),
        kind: input.must('kind'),
        minutes: wholeMinutes(input.duration('life') ?? 0, '--life'),
        dnsNames: input.list('dns'),
        ipAddresses: input.list('ip'),
      });
      if (!isJsonObject(json)) return { text: '', json };
      return {
        text: [
          `Join token for ${input.must('kind')} ${input.word('name')}, usable once until ${dateOf(json['expiresAt'])}:`,
          '',
          `  ${text(json['token'])}`,
          '',
          `Root fingerprint to check: ${text(json['rootFingerprint'])}`,
        ].join('\n'),
        json,
      };
    },
  },
];

function dateOf(value: unknown): string {
  return typeof value === 'number' ? new Date(value).toISOString() : String(value);
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
