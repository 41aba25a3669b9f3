import { resolve } from 'node:path';
import type { Json } from '../../../kernel/canonical-json.ts';
import { readTextFile } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import type { Command, CommandInput } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe, rows } from './show-json.ts';
import { isolationFlags, isolationOf, unseenPaths } from './isolation-flags.ts';

const name = {
  name: 'name',
  meaning: 'the name of the MCP server, as in /mcp/<name>',
  count: 'one',
} as const;

/** The commands about the MCP servers behind the gateway. */
export const serverCommands: readonly Command[] = [
  {
    path: ['server', 'add'],
    summary: 'Put an MCP server behind the gateway: a URL, or a command to start',
    example:
      'countersign server add files --allow-read /srv/documents -- mcp-server-filesystem /srv/documents',
    flags: [
      { name: 'url', kind: 'text', meaning: 'the MCP endpoint of an HTTP server' },
      {
        name: 'transport',
        kind: 'text',
        meaning: 'what --url speaks: http (Streamable HTTP) or sse (HTTP+SSE, the transport of 2024-11-05)',
        default: 'http',
      },
      {
        name: 'ca',
        kind: 'text',
        placeholder: 'file',
        meaning: 'the only authorities to trust for --url, in PEM',
      },
      {
        name: 'server-name',
        kind: 'text',
        meaning: 'the name the certificate must carry, if not the host of --url',
      },
      { name: 'mtls', kind: 'switch', meaning: "present the gateway's own certificate to --url" },
      {
        name: 'header',
        kind: 'list',
        placeholder: 'name=reference',
        meaning: 'a header to send, such as authorization=env:TOKEN',
      },
      {
        name: 'credential',
        kind: 'text',
        placeholder: 'file',
        meaning: 'how the gateway gets a token for --url, as JSON; see docs/server-credentials.md',
      },
      {
        name: 'env',
        kind: 'list',
        placeholder: 'name=reference',
        meaning: 'a variable for a started server, such as TOKEN=file:/run/token',
      },
      {
        name: 'connect-timeout',
        kind: 'duration',
        meaning: 'how long connecting to --url may take; 10s unless given',
      },
      {
        name: 'answer-timeout',
        kind: 'duration',
        meaning: 'how long until an answer begins; 5m unless given',
      },
      {
        name: 'idle-timeout',
        kind: 'duration',
        meaning: 'how long --url may be silent in the middle of an answer; 5m unless given',
      },
      {
        name: 'era',
        kind: 'text',
        meaning: 'what it speaks: modern (2026-07-28), legacy (initialize), or auto to find out',
        default: 'auto',
      },
      {
        name: 'tools',
        kind: 'text',
        choices: ['approved', 'first-list', 'unpinned'],
        meaning:
          'which tools may be used: those that are approved one by one, also those of the first list that it gives, or whatever it lists now and later (a risk)',
        default: 'approved',
      },
      {
        name: 'redact',
        kind: 'text',
        choices: ['known', 'likely'],
        meaning:
          'what is cut out of its answers: the secrets that the gateway holds, or also what looks like a secret',
        default: 'known',
      },
      { name: 'directory', kind: 'text', meaning: 'where a started server runs' },
      ...isolationFlags,
      { name: 'description', kind: 'text', meaning: 'what it is, in a line', default: '' },
      { name: 'replace', kind: 'switch', meaning: 'replace the definition of that name' },
      ...administrationFlags,
    ],
    positionals: [name, { name: 'command', meaning: 'the command to start, after --', count: 'any' }],
    async run(context, input) {
      const order = { definition: await definitionOf(input), replace: input.on('replace') };
      const json = await administer(context, input, 'server.add', order);
      const { together } = json as { together?: { reason?: string | null } };
      const apart = together?.reason ? ` It is offered at /mcp/<name> only: ${together.reason}.` : '';
      return {
        text: `Server ${input.word('name')} is registered. Nobody may use it until a policy permits it. ${toolsText(input)}${apart}${unseenPaths(input)}`,
        json,
      };
    },
  },
  {
    path: ['server', 'list'],
    summary: 'List the MCP servers',
    example: 'countersign server list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'server.list', {});
      return { text: formatTable(['name', 'transport', 'url', 'command', 'description'], rows(json)), json };
    },
  },
  {
    path: ['server', 'show'],
    summary: 'Show one MCP server',
    example: 'countersign server show files',
    flags: administrationFlags,
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'server.show', { name: input.word('name') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['server', 'remove'],
    summary: 'Take an MCP server away; calls in progress end',
    example: 'countersign server remove files',
    flags: administrationFlags,
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'server.remove', { name: input.word('name') });
      return { text: `Server ${input.word('name')} is removed.`, json };
    },
  },
];

function toolsText(input: CommandInput): string {
  const name = input.word('name');
  switch (input.must('tools')) {
    case 'unpinned':
      return 'Whatever tools it lists may be used, now and when they change.';
    case 'first-list':
      return `The tools of its first list are approved: countersign tool list ${name}`;
    default:
      return `None of its tools may be used until it is approved: countersign tool list ${name}`;
  }
}

async function definitionOf(input: CommandInput): Promise<Json> {
  const url = input.text('url');
  const credential = input.text('credential');
  const command = input.words('command');
  const shared = {
    name: input.word('name'),
    description: input.must('description'),
    era: input.must('era'),
    tools: input.must('tools'),
    ...(input.must('redact') === 'likely' && { redact: 'likely' }),
    timeouts: timeoutsOf(input),
  };
  const transport = input.must('transport');
  if (transport !== 'http' && transport !== 'sse') {
    throw new Fault('usage', '--transport takes http or sse; a command that is started speaks stdio.');
  }
  if (transport === 'sse' && url === null) throw new Fault('usage', '--transport sse needs --url.');
  if (url !== null && command.length === 0) {
    const authority = input.text('ca');
    return {
      ...shared,
      transport,
      url,
      tls: {
        authority: authority === null ? null : resolve(authority),
        presentCertificate: input.on('mtls'),
        serverName: input.text('server-name'),
      },
      headers: pairs(input.list('header'), '--header'),
      ...(credential !== null && { credential: parseJson(await readTextFile(credential)) }),
    };
  }
  if (credential !== null) throw new Fault('usage', '--credential needs --url.');
  if (url === null && command.length > 0) {
    const directory = input.text('directory');
    const isolation = await isolationOf(input);
    return {
      ...shared,
      transport: 'stdio',
      command,
      directory: directory === null ? null : resolve(directory),
      ...(isolation !== null && { isolation }),
      environment: pairs(input.list('env'), '--env'),
    };
  }
  throw new Fault('usage', 'Give either --url for an HTTP server, or -- and the command that starts one.');
}

function timeoutsOf(input: CommandInput): Record<string, number> {
  const timeouts: Record<string, number> = {};
  for (const name of ['connect', 'answer', 'idle']) {
    const milliseconds = input.duration(`${name}-timeout`);
    if (milliseconds !== null) timeouts[`${name}Milliseconds`] = milliseconds;
  }
  return timeouts;
}

function pairs(given: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Fault('usage', `${flag} takes name=reference, not "${pair}".`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
