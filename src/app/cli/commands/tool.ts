import type { Command } from '../command.ts';
import { formatTable } from '../format-table.ts';
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
      const [wanted] = input.words('server');
      const json = await administer(
        context,
        input,
        'tool.list',
        wanted === undefined ? {} : { server: wanted },
      );
      const columns = ['server', 'tool', 'state', 'hash', 'seenAt', 'decidedBy'];
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
      const at = { server: input.word('server'), tool: input.word('tool') };
      const json = await administer(context, input, 'tool.show', at);
      return { text: describe(json), json };
    },
  },
];
