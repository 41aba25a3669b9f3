import { z } from 'zod';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';
import type { KeptDefinition, ToolRecord } from '../store/tool-records.ts';
import { definitionsOf, parsed } from '../tools/definitions.ts';
import { describeChange } from '../tools/describe-change.ts';
import { type Advice, inspectTool } from '../tools/inspect-tool.ts';
import { type Operation, operation } from './operation.ts';

const server = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
const tool = z.string().min(1).max(256);

/** The acts around the tools of servers. */
export const toolOperations: readonly Operation[] = [
  operation(
    'tool.list',
    false,
    z.strictObject({ server: server.optional() }),
    async ({ store, tools: catalogue }, { server: wanted }) => {
      if (wanted !== undefined) await requireServer(store, wanted);
      const records = await store.tools.list(wanted);
      const checks = await catalogue.checkNames(records);
      const all = wanted === undefined ? records : await store.tools.list();
      return records.map((record, at) => ({
        ...row(record),
        name: checks[at]?.refused ?? checks[at]?.doubtful ?? null,
        advice: [...new Set(adviceAbout(record, all).map(({ code }) => code))],
      }));
    },
  ),
  operation('tool.definitions', false, z.strictObject({}), async ({ store }) => {
    const servers = [...(await definitionsOf(store.tools))];
    return Object.fromEntries(
      servers.map(([name, tools]): [string, Json] => [name, Object.fromEntries(tools)]),
    );
  }),
  operation('tool.show', false, z.strictObject({ server, tool }), async ({ store }, input) => {
    const record = await requireTool(store, input);
    const { first, seen, approved, ...rest } = record;
    const advice = adviceAbout(record, await store.tools.list());
    return plain({ ...rest, advice, first: shown(first), seen: shown(seen), approved: approved.map(shown) });
  }),
  operation('tool.diff', false, z.strictObject({ server, tool }), async ({ store }, input) => {
    const { seen, approved } = await requireTool(store, input);
    const [last] = approved;
    if (!last)
      throw new Fault(
        'conflict',
        `${input.tool} of ${input.server} was never approved: there is nothing to compare with.`,
      );
    const changes = seen ? describeChange(parsed(last.text), parsed(seen.text)) : [];
    return { ...input, approved: last.hash, seen: seen?.hash ?? null, changes: [...changes] };
  }),
  operation(
    'tool.approve',
    true,
    z.strictObject({
      server,
      tools: z
        .array(z.strictObject({ tool, hash: z.string().min(6).max(64) }))
        .min(1)
        .max(2_000),
      beside: z.boolean().default(false),
      sameName: z.boolean().default(false),
    }),
    async ({ store, tools: catalogue }, { server: of, tools, beside, sameName }, actor) => {
      await requireServer(store, of);
      const approved: Json[] = [];
      for (const one of tools) {
        const { tool: name, hash } = one;
        const record = await catalogue.approve(
          { server: of, tool: name, hash, beside, sameName },
          actor.name,
        );
        approved.push(row(record));
      }
      return approved;
    },
  ),
  operation('tool.export', false, z.strictObject({ server }), async ({ store }, { server: of }) => {
    await requireServer(store, of);
    const approved = (await store.tools.list(of)).filter(({ state }) => state === 'approved');
    return approved.flatMap(({ approved: [now] }) => (now ? [now.text] : []));
  }),
  operation(
    'tool.import',
    true,
    z.strictObject({
      manifest: z.string().max(4_194_304),
      key: z.string().max(10_000),
      sameName: z.boolean().default(false),
    }),
    async ({ tools: catalogue }, input, actor) =>
      (await catalogue.importManifest(input, actor.name)).map(row),
  ),
  operation(
    'tool.refuse',
    true,
    z.strictObject({ server, tool, reason: z.string().trim().min(1).max(500) }),
    async ({ store, tools: catalogue }, { reason, ...at }, actor) => {
      await requireTool(store, at);
      return row(await catalogue.refuse(at, reason, actor.name));
    },
  ),
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

/** What looks wrong in what a tool says now: something to look at, which decides nothing. */
function adviceAbout(
  { server: of, seen, approved: [last] }: ToolRecord,
  all: readonly ToolRecord[],
): readonly Advice[] {
  const kept = seen ?? last;
  return kept ? inspectTool(parsed(kept.text), of, all) : [];
}

function row({ server: of, tool: name, state, seen, approved: [approved], decided }: ToolRecord): JsonObject {
  const title = seen ? parsed(seen.text)['title'] : null;
  return {
    server: of,
    tool: name,
    state,
    title: typeof title === 'string' ? title : null,
    hash: (seen ?? approved)?.hash ?? null,
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
