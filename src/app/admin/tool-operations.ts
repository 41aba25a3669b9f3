import { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';
import type { KeptDefinition, ToolRecord } from '../store/tool-records.ts';
import { definitionsOf, parsed } from '../tools/definitions.ts';
import { type Operation, operation } from './operation.ts';

const server = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
const tool = z.string().min(1).max(256);

/** The acts around the tools of servers. */
export const toolOperations: readonly Operation[] = [
  operation(
    'tool.list',
    false,
    z.strictObject({ server: server.optional() }),
    async ({ store }, { server: wanted }) => {
      if (wanted !== undefined) await requireServer(store, wanted);
      return (await store.tools.list(wanted)).map(row);
    },
  ),
  operation('tool.definitions', false, z.strictObject({}), async ({ store }) => {
    const servers = [...(await definitionsOf(store.tools))];
    return Object.fromEntries(
      servers.map(([name, tools]): [string, Json] => [name, Object.fromEntries(tools)]),
    );
  }),
  operation('tool.show', false, z.strictObject({ server, tool }), async ({ store }, input) => {
    const { first, seen, approved, ...rest } = await requireTool(store, input);
    return plain({ ...rest, first: shown(first), seen: shown(seen), approved: approved.map(shown) });
  }),
];

type Parts = Authority['store'];

async function requireServer(store: Parts, name: string): Promise<void> {
  if (await store.servers.find(name)) return;
  const known = (await store.servers.list()).map((one) => one.name);
  const nearest = suggest(name, known);
  const hint = nearest ? `Did you mean ${nearest}?` : 'See: countersign server list';
  throw new Fault('not_found', `No MCP server named ${name}. ${hint}`);
}

async function requireTool(store: Parts, at: { server: string; tool: string }): Promise<ToolRecord> {
  await requireServer(store, at.server);
  const found = await store.tools.find(at.server, at.tool);
  if (found) return found;
  const known = (await store.tools.list(at.server)).map((one) => one.tool);
  const nearest = suggest(at.tool, known);
  const hint = nearest ? `Did you mean ${nearest}?` : `See: countersign tool list ${at.server}`;
  throw new Fault('not_found', `No tool ${JSON.stringify(at.tool)} of ${at.server} was seen yet. ${hint}`);
}

function row({ server: of, tool: name, state, seen, decided }: ToolRecord): Json {
  const title = seen ? parsed(seen.text)['title'] : null;
  return {
    server: of,
    tool: name,
    state,
    title: typeof title === 'string' ? title : null,
    hash: seen?.hash ?? null,
    seenAt: seen?.at ?? null,
    decidedBy: decided?.by ?? null,
  };
}

function shown(kept: KeptDefinition | null): Json {
  return kept && { hash: kept.hash, at: kept.at, definition: parsed(kept.text) };
}

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
