import { readTextFile } from '../../../kernel/durable-file.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandInput } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';

const name = { name: 'name', meaning: 'what the partner is called here', count: 'one' } as const;

/** The commands about partners: other trust domains whose agents are let in. */
export const partnerCommands: readonly Command[] = [
  {
    path: ['partner', 'add'],
    summary: 'Let in agents of another trust domain, by its SPIFFE bundle, as the roles that you map them to',
    example:
      'countersign partner add acme --trust-domain acme.example --bundle acme.json --map "/agent/ci-*=builder"',
    flags: [
      { name: 'trust-domain', kind: 'text', meaning: 'the trust domain of its SPIFFE IDs', required: true },
      {
        name: 'map',
        kind: 'list',
        placeholder: 'pattern=role,role',
        meaning: 'who it is about, as a path of SPIFFE IDs with * and a last /**, and the roles here',
        required: true,
      },
      { name: 'bundle', kind: 'text', placeholder: 'file', meaning: 'its SPIFFE bundle, a JSON Web Key Set' },
      {
        name: 'ca',
        kind: 'text',
        placeholder: 'file',
        meaning: 'certificates of its authorities in PEM, in place of a bundle',
      },
      {
        name: 'bundle-url',
        kind: 'text',
        placeholder: 'url',
        meaning: 'where its bundle is fetched, now and again and again (https)',
      },
      {
        name: 'url-ca',
        kind: 'text',
        placeholder: 'file',
        meaning: "authorities to trust for --bundle-url, in PEM; the system's unless given",
      },
      {
        name: 'url-id',
        kind: 'text',
        placeholder: 'spiffe-id',
        meaning:
          'the SPIFFE ID of who answers at --bundle-url, known by the bundle itself; needs a first one',
      },
      {
        name: 'private-addresses',
        kind: 'switch',
        meaning: 'let --bundle-url lead to an address that is not public',
      },
      {
        name: 'maximum-life',
        kind: 'duration',
        meaning: 'the longest life of a certificate of its agents',
        default: '24h',
      },
      {
        name: 'trusted-for',
        kind: 'duration',
        meaning:
          'how long a bundle is trusted after it was read; 90d from a file, 24h from a URL unless given',
      },
      { name: 'replace', kind: 'switch', meaning: 'replace the partner of that name' },
      ...administrationFlags,
    ],
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'partner.add', await orderOf(input));
      return {
        text: `Agents of ${input.must('trust-domain')} that a mapping fits are let in. What they may do, policies say. To undo: countersign partner remove ${input.word('name')}`,
        json,
      };
    },
  },
  {
    path: ['partner', 'list'],
    summary: 'List the partners, and until when each is trusted',
    example: 'countersign partner list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'partner.list', {});
      return { text: formatTable(['name', 'trustDomain', 'url', 'state', 'until'], rows(json)), json };
    },
  },
  {
    path: ['partner', 'show'],
    summary: 'Show one partner: its authorities, who is mapped to what, until when it is trusted',
    example: 'countersign partner show acme',
    flags: administrationFlags,
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'partner.show', { name: input.word('name') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['partner', 'refresh'],
    summary: 'Fetch the bundle of a partner now',
    example: 'countersign partner refresh acme',
    flags: administrationFlags,
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'partner.refresh', { name: input.word('name') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['partner', 'remove'],
    summary: 'Trust a partner no longer; the calls of its agents end at once',
    example: 'countersign partner remove acme',
    flags: administrationFlags,
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'partner.remove', { name: input.word('name') });
      return { text: `The partner ${input.word('name')} is removed. Calls of its agents end now.`, json };
    },
  },
];

async function orderOf(input: CommandInput): Promise<Json> {
  return {
    name: input.word('name'),
    trustDomain: input.must('trust-domain'),
    bundle: await textOf(input.text('bundle')),
    authorities: await textOf(input.text('ca')),
    source: await sourceOf(input),
    mappings: input.list('map').map(mappingOf),
    ...(input.duration('maximum-life') !== null && { maximumLife: input.duration('maximum-life') }),
    trustedFor: input.duration('trusted-for'),
    replace: input.on('replace'),
  };
}

async function sourceOf(input: CommandInput): Promise<Json> {
  const url = input.text('bundle-url');
  const id = input.text('url-id');
  const ca = input.text('url-ca');
  if (id !== null && ca !== null) throw new Fault('usage', 'Give either --url-id or --url-ca.');
  if (url !== null) {
    const known = id === null ? { by: 'web', authorities: await textOf(ca) } : { by: 'spiffe', id };
    return { url, known, privateAddresses: input.on('private-addresses') };
  }
  if (id === null && ca === null) return null;
  throw new Fault('usage', '--url-id and --url-ca are about a --bundle-url.');
}

async function textOf(file: string | null): Promise<string | null> {
  return file === null ? null : await readTextFile(file);
}

function mappingOf(text: string): Json {
  const at = text.indexOf('=');
  if (at < 1) throw new Fault('usage', `--map takes pattern=role,role, not "${text}".`);
  const roles = text
    .slice(at + 1)
    .split(',')
    .filter(Boolean);
  return { pattern: text.slice(0, at), roles };
}
