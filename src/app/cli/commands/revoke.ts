import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { administer, administrationFlags } from './administration.ts';

export const reason = {
  name: 'reason',
  kind: 'text',
  meaning: 'why, for the record',
  required: true,
} as const;

/** Why, as CRLs and OCSP answers say it. */
export const code: Flag = {
  name: 'code',
  kind: 'text',
  meaning: 'why, as CRLs and OCSP answers say it',
  choices: [
    'unspecified',
    'keyCompromise',
    'affiliationChanged',
    'superseded',
    'cessationOfOperation',
    'privilegeWithdrawn',
  ],
};

const flags: readonly Flag[] = [reason, code, ...administrationFlags];

const dryRun: Flag = {
  name: 'dry-run',
  kind: 'switch',
  meaning: 'show whom it would take, and revoke nothing',
};

/** The reason and the code of an order. */
export function why(input: CommandInput): { readonly reason: string; readonly revocation?: string } {
  const revocation = input.text('code');
  return { reason: input.must('reason'), ...(revocation !== null && { revocation }) };
}

/** The commands that revoke all there is of somebody or something. */
export const revokeCommands: readonly Command[] = [
  {
    path: ['revoke', 'agent'],
    summary:
      'Revoke all certificates and join tokens of an agent and of all that it enrolled; their streams end within a second',
    example: 'countersign revoke agent ci-bot --reason "laptop stolen" --code keyCompromise',
    flags: [
      {
        name: 'below',
        kind: 'switch',
        meaning: 'only those that it enrolled and all below them, not its own',
      },
      dryRun,
      ...flags,
    ],
    positionals: [{ name: 'name', meaning: 'the name of the agent', count: 'one' }],
    async run(context, input) {
      const [name, below] = [input.word('name'), input.on('below')];
      if (input.on('dry-run')) return await showTree(context, input, { name, below });
      const json = await administer(context, input, 'agent.revoke', { name, below, ...why(input) });
      const others = texts(json, 'agents').filter((agent) => agent !== name);
      const told = others.length > 0 ? ` Below it: ${others.join(', ')}.` : '';
      return {
        text: `${counted(json)}${told}${below ? '' : ` A new join token lets ${name} in again.`}`,
        json,
      };
    },
  },
  {
    path: ['revoke', 'person'],
    summary: 'Revoke all certificates and join tokens of every agent that a person owns',
    example: 'countersign revoke person alice@example.com --reason "left the company"',
    flags,
    positionals: [{ name: 'owner', meaning: 'the owner, as agents were registered', count: 'one' }],
    async run(context, input) {
      const json = await administer(context, input, 'person.revoke', {
        owner: input.word('owner'),
        ...why(input),
      });
      return { text: `Agents: ${texts(json, 'agents').join(', ')}. ${counted(json)}`, json };
    },
  },
  {
    path: ['revoke', 'group'],
    summary: 'Revoke all certificates and join tokens of every agent of the people in a group',
    example: 'countersign revoke group contractors --dry-run --reason "contract ended"',
    flags: [
      {
        name: 'provider',
        kind: 'text',
        placeholder: 'name',
        meaning: 'of which provider in people.yaml; needed when two have a group of that name',
      },
      dryRun,
      ...flags,
    ],
    positionals: [{ name: 'group', meaning: 'the group, as the provider calls it', count: 'one' }],
    async run(context, input) {
      const named = { group: input.word('group'), provider: input.text('provider') };
      const json = input.on('dry-run')
        ? await administer(context, input, 'group.show', named)
        : await administer(context, input, 'group.revoke', { ...named, ...why(input) });
      const people = `People: ${texts(json, 'people').join(', ')}.`;
      const agents = texts(json, 'agents').join(', ') || 'none';
      const done = input.on('dry-run') ? 'Nothing was revoked.' : counted(json);
      return { text: `${people} Agents: ${agents}. ${done}`, json };
    },
  },
  {
    path: ['revoke', 'device'],
    summary: 'Revoke all certificates and join tokens of every agent on a device',
    example: 'countersign revoke device C02XK1ZKJGH5 --reason "laptop stolen" --code keyCompromise',
    flags,
    positionals: [{ name: 'device', meaning: 'the device, as it was given for its agents', count: 'one' }],
    async run(context, input) {
      const json = await administer(context, input, 'device.revoke', {
        device: input.word('device'),
        ...why(input),
      });
      return { text: `Agents: ${texts(json, 'agents').join(', ')}. ${counted(json)}`, json };
    },
  },
  {
    path: ['revoke', 'server'],
    summary: 'Revoke all server certificates and join tokens of a name',
    example: 'countersign revoke server files --reason "moved to another machine" --code superseded',
    flags,
    positionals: [{ name: 'name', meaning: 'the name in the certificates', count: 'one' }],
    async run(context, input) {
      const order = { name: input.word('name'), ...why(input) };
      const json = await administer(context, input, 'server.revoke', order);
      return { text: counted(json), json };
    },
  },
  {
    path: ['revoke', 'key'],
    summary: 'Revoke all certificates for a key, which gets none any more',
    example:
      'countersign revoke key --of 5f2a90c1d3e4b5a6978812340c0ffee1 --reason "key was in a public repository"',
    flags: [
      {
        name: 'of',
        kind: 'text',
        placeholder: 'serial',
        meaning: 'the key of the certificate with this serial',
      },
      ...flags,
    ],
    positionals: [
      {
        name: 'hash',
        meaning: 'the SHA-256 of its SubjectPublicKeyInfo, in hex or base64url',
        count: 'optional',
      },
    ],
    async run(context, input) {
      const [key] = input.words('hash');
      const of = input.text('of');
      if ((key === undefined) === (of === null)) {
        throw new Fault('usage', 'Give either the hash of a key or --of.');
      }
      const order = { ...(key !== undefined && { key }), ...(of !== null && { of }), ...why(input) };
      const json = await administer(context, input, 'key.revoke', order);
      return { text: `${counted(json)} The key gets no certificate any more.`, json };
    },
  },
];

async function showTree(
  context: CommandContext,
  input: CommandInput,
  { name, below }: { readonly name: string; readonly below: boolean },
): Promise<CommandResult> {
  const json = await administer(context, input, 'agent.tree', { name });
  const agents = texts(json, 'agents').filter((agent) => !below || agent !== name);
  return { text: `Agents: ${agents.join(', ') || 'none'}. Nothing was revoked.`, json: { agents } };
}

function counted(json: Json): string {
  const count = listOf(json, 'revoked').length;
  const tokens = isJsonObject(json) && typeof json['joinTokens'] === 'number' ? json['joinTokens'] : 0;
  const words = [`${count} certificate${count === 1 ? '' : 's'}`];
  const acme = isJsonObject(json) && typeof json['acme'] === 'number' ? json['acme'] : 0;
  if (acme > 0)
    words.push(`${acme} ACME account${acme === 1 ? '' : 's'} or account key${acme === 1 ? '' : 's'}`);
  if (tokens > 0) words.push(`${tokens} join token${tokens === 1 ? '' : 's'}`);
  return `Revoked ${words.join(', ')}.`;
}

function texts(json: Json, member: string): readonly string[] {
  return listOf(json, member).filter((one) => typeof one === 'string');
}

function listOf(json: Json, member: string): readonly Json[] {
  const list = isJsonObject(json) ? json[member] : null;
  return Array.isArray(list) ? list : [];
}
