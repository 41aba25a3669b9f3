import { isJsonObject } from '../../../kernel/canonical-json.ts';
import type { Command } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';

const person = { name: 'person', meaning: 'the person, as agents name their owner', count: 'one' } as const;

/** The commands about people. */
export const personCommands: readonly Command[] = [
  {
    path: ['person', 'add'],
    summary: 'Add a person who signs in here with a passkey',
    example: 'countersign person add alice@example.com --display-name "Alice B." --group engineering',
    flags: [
      { name: 'display-name', kind: 'text', placeholder: 'name', meaning: 'what pages call them' },
      { name: 'group', kind: 'list', meaning: 'a group they are in; may be repeated' },
      ...administrationFlags,
    ],
    positionals: [person],
    async run(context, input) {
      const json = await administer(context, input, 'person.add', {
        person: input.word('person'),
        displayName: input.text('display-name'),
        groups: input.list('group'),
      });
      const name = input.word('person');
      return { text: `${name} is added. Next: countersign person invite ${name}`, json };
    },
  },
  {
    path: ['person', 'list'],
    summary: 'List the people, and those who logged in at a provider',
    example: 'countersign person list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'person.list', {});
      const columns = ['person', 'displayName', 'state', 'groups', 'passkeys', 'provider', 'addedAt'];
      return { text: formatTable(columns, rows(json)), json };
    },
  },
  {
    path: ['person', 'show'],
    summary: 'Show one person, their passkeys, their login and their agents',
    example: 'countersign person show alice@example.com',
    flags: administrationFlags,
    positionals: [person],
    async run(context, input) {
      const json = await administer(context, input, 'person.show', { person: input.word('person') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['person', 'invite'],
    summary: 'Make a link, good once and for 30 minutes, with which a person enrols a passkey',
    example: 'countersign person invite alice@example.com',
    flags: administrationFlags,
    positionals: [person],
    async run(context, input) {
      const json = await administer(context, input, 'person.invite', { person: input.word('person') });
      if (!isJsonObject(json)) return { text: '', json };
      return {
        text: [
          `Whoever opens this link first becomes ${input.word('person')}; give it to nobody else, until ${date(json['expiresAt'])}:`,
          '',
          `  ${text(json['link'])}`,
        ].join('\n'),
        json,
      };
    },
  },
  {
    path: ['person', 'groups'],
    summary: 'Say which groups a person is in; those that a provider tells stay beside them',
    example: 'countersign person groups alice@example.com engineering',
    flags: administrationFlags,
    positionals: [person, { name: 'group', meaning: 'the groups; none unless given', count: 'any' }],
    async run(context, input) {
      const groups = input.words('group');
      const json = await administer(context, input, 'person.groups', {
        person: input.word('person'),
        groups: [...groups],
      });
      const now = groups.length === 0 ? 'in no group' : `in ${groups.join(', ')}`;
      return { text: `${input.word('person')} is ${now} now.`, json };
    },
  },
  {
    path: ['person', 'disable'],
    summary: 'Take every right from a person until they are enabled: sessions, passkeys, logins, tokens',
    example: 'countersign person disable alice@example.com',
    flags: administrationFlags,
    positionals: [person],
    async run(context, input) {
      const json = await administer(context, input, 'person.disable', { person: input.word('person') });
      const text = `${input.word('person')} is disabled. Certificates of their agents stay: countersign revoke person`;
      return { text, json };
    },
  },
  {
    path: ['person', 'enable'],
    summary: 'Let a disabled person in again',
    example: 'countersign person enable alice@example.com',
    flags: administrationFlags,
    positionals: [person],
    async run(context, input) {
      const json = await administer(context, input, 'person.enable', { person: input.word('person') });
      return { text: `${input.word('person')} may sign in again, with the passkeys of before.`, json };
    },
  },
  {
    path: ['person', 'remove'],
    summary: 'Forget a person and everything they could sign in with',
    example: 'countersign person remove alice@example.com',
    flags: administrationFlags,
    positionals: [person],
    async run(context, input) {
      const json = await administer(context, input, 'person.remove', { person: input.word('person') });
      return { text: `${input.word('person')} is forgotten; the name may be given again.`, json };
    },
  },
  {
    path: ['person', 'passkey', 'remove'],
    summary: 'Remove a passkey of a person, one that was lost for example',
    example: 'countersign person passkey remove alice@example.com pZ0fX3mJ',
    flags: administrationFlags,
    positionals: [
      person,
      { name: 'passkey', meaning: 'its id, or the first letters of it, from `person show`', count: 'one' },
    ],
    async run(context, input) {
      const order = { person: input.word('person'), passkey: input.word('passkey') };
      const json = await administer(context, input, 'person.passkey.remove', order);
      return { text: 'The passkey is removed, and its person has to sign in again.', json };
    },
  },
  {
    path: ['person', 'forget'],
    summary: 'Forget which account a person logs in with, so that the name may be of another',
    example: 'countersign person forget alice@example.com',
    flags: administrationFlags,
    positionals: [person],
    async run(context, input) {
      const name = input.word('person');
      const json = await administer(context, input, 'person.forget', { person: name });
      return { text: `The next account that the provider calls ${name} is this person.`, json };
    },
  },
];

function date(value: unknown): string {
  return typeof value === 'number' ? new Date(value).toISOString() : String(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
