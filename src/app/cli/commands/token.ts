import { isJsonObject } from '../../../kernel/canonical-json.ts';
import type { Command } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';

const kinds = ['token', 'grant', 'person', 'agent'] as const;
const meanings = {
  token: 'one access token, by the id that the list shows',
  grant: 'a grant with all its tokens, by the id that the list shows',
  person: 'everything that a person granted',
  agent: 'everything that an agent holds',
};

/** The commands about access tokens and what people granted. */
export const tokenCommands: readonly Command[] = [
  {
    path: ['token', 'list'],
    summary: 'List the access tokens that live, and what people granted',
    example: 'countersign token list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'token.list', {});
      const { tokens = [], grants = [] } = isJsonObject(json) ? json : {};
      const text = [
        'Tokens',
        formatTable(['id', 'grantId', 'agent', 'person', 'resource', 'expiresAt'], rows(tokens)),
        '',
        'Grants',
        formatTable(['id', 'person', 'client', 'agent', 'createdAt', 'expiresAt'], rows(grants)),
      ];
      return { text: text.join('\n'), json };
    },
  },
  {
    path: ['token', 'show'],
    summary: 'Show an access token, or a grant with its tokens; never the token itself',
    example: 'countersign token show V1StGXR8_Z5jdHi6B-myT',
    flags: administrationFlags,
    positionals: [{ name: 'id', meaning: 'the id of a token or of a grant', count: 'one' }],
    async run(context, input) {
      const json = await administer(context, input, 'token.show', { id: input.word('id') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['token', 'revoke'],
    summary: 'End a token, a grant, or all of a person or an agent; gateways refuse them within a second',
    example: 'countersign token revoke --person ada@example.com --reason "laptop lost"',
    flags: [
      ...kinds.map((name) => ({ name, kind: 'text', placeholder: 'name', meaning: meanings[name] }) as const),
      { name: 'reason', kind: 'text', placeholder: 'text', meaning: 'why, for the log', required: true },
      ...administrationFlags,
    ],
    positionals: [],
    async run(context, input) {
      const named = kinds.flatMap((kind) => {
        const name = input.text(kind);
        return name === null ? [] : [[kind, name] as const];
      });
      const order = { ...Object.fromEntries(named), reason: input.must('reason') };
      const json = await administer(context, input, 'token.revoke', order);
      return { text: describe(json), json };
    },
  },
  {
    path: ['token', 'rotate-key'],
    summary: 'Have another key sign access tokens; gateways know at once',
    example: 'countersign token rotate-key --reason "once a quarter"',
    flags: [
      {
        name: 'compromised',
        kind: 'switch',
        meaning: 'somebody else has the key: nothing that it signed counts any more',
      },
      { name: 'reason', kind: 'text', placeholder: 'text', meaning: 'why, for the log', required: true },
      ...administrationFlags,
    ],
    positionals: [],
    async run(context, input) {
      const compromised = input.on('compromised');
      const json = await administer(context, input, 'token.rotate-key', {
        compromised,
        reason: input.must('reason'),
      });
      const past = compromised
        ? 'Nothing that the key before signed counts any more.'
        : 'What the key before signed counts until it is over.';
      return { text: `Another key signs access tokens from now on. ${past}`, json };
    },
  },
];
