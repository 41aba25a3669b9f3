import type { AuditLog } from '../../audit/audit-log.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { readToolDefinition, type ToolDefinition } from '../../mcp/tool-definition.ts';
import type { Store } from '../store/store.ts';
import type { ToolDecision, ToolRecord } from '../store/tool-records.ts';
import { importManifest, type ManifestOrder } from './import-manifest.ts';
import { checkName, type NameCheck, requireName, type ToolName } from './shadowing.ts';
import { approvedWith, definitionNamed, refusedWith, seenWith, unknownTool } from './tool-state.ts';
import type { ToolReport } from './tool-report.ts';

/** What an administrator approves: a tool, as one definition that was seen. */
export interface Approval extends ToolName {
  /** The hash of the definition, or enough of its beginning. */
  readonly hash: string;
  /** Whether what was approved before stays approved beside it. */
  readonly beside: boolean;
  /** Whether it may be called like a tool of another server. */
  readonly sameName: boolean;
}

/** What the authority knows of the tools of its servers, and what was decided about them. */
export interface ToolCatalogue {
  /** Takes what a gateway was told by servers. */
  heard(gateway: string, reports: readonly ToolReport[]): Promise<void>;
  /** The first whole list of the server from now on is approved. */
  awaitFirstList(server: string): Promise<void>;
  /** Throws Fault `not_found`, `conflict` when the tool has no such definition, or `name_refused`. */
  approve(approval: Approval, actor: string): Promise<ToolRecord>;
  /** Approves what a signed manifest says. Throws Fault `manifest_refused`, `not_found` or `name_refused`. */
  importManifest(order: ManifestOrder, actor: string): Promise<readonly ToolRecord[]>;
  /** Throws Fault `not_found`. */
  refuse(tool: ToolName, reason: string, actor: string): Promise<ToolRecord>;
  /** What speaks against the names of tools. */
  checkNames(tools: readonly ToolName[]): Promise<readonly NameCheck[]>;
  /** Calls the listener when a tool has changed, or stands otherwise since it had. */
  onChanged(listener: () => void): void;
}

interface Parts {
  readonly store: Pick<Store, 'servers' | 'tools' | 'meta'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
}

/** Tools of one server that are kept; what a server lists beyond is never approved. */
const mostTools = 2_000;

export function openCatalogue(parts: Parts): ToolCatalogue {
  const { store, audit, clock } = parts;
  let changed: () => void = () => undefined;
  const checkNames = async (tools: readonly ToolName[]): Promise<readonly NameCheck[]> => {
    const servers = (await store.servers.list()).map(({ name }) => name);
    const others = (await store.tools.list()).filter(({ state }) => state !== 'refused');
    return tools.map((tool) => checkName(tool, others, servers));
  };
  const decide = async (
    { server, tool }: ToolName,
    become: (before: ToolRecord) => ToolRecord,
  ): Promise<ToolRecord> => {
    const record = await store.tools.change(server, tool, (before) =>
      become(before ?? missing(server, tool)),
    );
    changed();
    return record ?? missing(server, tool);
  };
  const approveFirstList = async (server: string): Promise<void> => {
    const place = firstListOf(server);
    const waiting = (await store.tools.list(server)).filter(({ state }) => state === 'waiting');
    const checks = await checkNames(waiting);
    const decided: ToolDecision = { by: 'authority', way: 'first-list', at: clock.now(), reason: '' };
    const approved: { readonly name: string; readonly hash: string }[] = [];
    for (const [at, { tool }] of waiting.entries()) {
      if (checks[at]?.refused !== null || checks[at].doubtful !== null) continue;
      const record = await store.tools.change(server, tool, (before) =>
        before?.state === 'waiting' && before.seen ? approvedWith(before, before.seen, decided, false) : null,
      );
      if (record?.state === 'approved') approved.push({ name: tool, hash: record.approved[0]?.hash ?? '' });
    }
    await audit.append({
      type: 'tools.approved',
      server,
      way: 'first-list',
      actor: 'authority',
      tools: approved,
    });
    await store.meta.set(place, 'taken');
  };
  return {
    checkNames,
    async heard(gateway, reports) {
      for (const { server, definitions, whole } of reports) {
        const registered = await store.servers.find(server);
        if (!registered) continue;
        if (await takeAll(server, gateway, definitions, parts)) changed();
        const byFirstList = (registered.tools ?? 'first-list') === 'first-list';
        if (!whole || !byFirstList || (await store.meta.get(firstListOf(server))) === 'taken') continue;
        await approveFirstList(server);
      }
    },
    awaitFirstList: (server) => store.meta.set(firstListOf(server), 'open'),
    async approve({ server, tool, hash, beside, sameName }, actor) {
      const [check] = await checkNames([{ server, tool }]);
      const decided: ToolDecision = { by: actor, way: 'admin', at: clock.now(), reason: '' };
      const record = await decide({ server, tool }, (before) => {
        const definition = definitionNamed(before, hash);
        if (!definition) throw otherDefinition(server, tool);
        requireName({ server, tool }, check, sameName);
        return approvedWith(before, definition, decided, beside);
      });
      const tools = [{ name: tool, hash: record.approved[0]?.hash ?? '' }];
      await audit.append({ type: 'tools.approved', server, way: 'admin', actor, tools });
      return record;
    },
    async importManifest(order, actor) {
      const records = await importManifest(order, actor, { ...parts, checkNames });
      changed();
      return records;
    },
    async refuse({ server, tool }, reason, actor) {
      const decided: ToolDecision = { by: actor, way: 'admin', at: clock.now(), reason };
      const record = await decide({ server, tool }, (before) => refusedWith(before, decided));
      await audit.append({ type: 'tool.refused', server, name: tool, actor, reason });
      return record;
    },
    onChanged(listener) {
      changed = listener;
    },
  };
}

/** Takes definitions of a server; gives whether an approved tool has changed. */
async function takeAll(
  server: string,
  gateway: string,
  texts: readonly string[],
  { store, audit, clock }: Parts,
): Promise<boolean> {
  let room = mostTools - (await store.tools.list(server)).length;
  let anyChanged = false;
  const fresh: ToolDefinition[] = [];
  for (const text of texts) {
    const definition = readToolDefinition(JSON.parse(text) as Json);
    if (!definition) continue;
    const { name, hash } = definition;
    const kept = { hash, text: definition.text, at: clock.now() };
    let was: ToolRecord | null = null;
    const record = await store.tools.change(server, name, (before) => {
      was = before;
      return before || room > 0 ? seenWith(before ?? unknownTool(server, name), kept) : null;
    });
    if (!record) continue;
    if (!was) {
      room -= 1;
      fresh.push(definition);
    } else if (record.state === 'changed' && record.revision !== (was as ToolRecord).revision) {
      anyChanged = true;
      const approved = record.approved.map((one) => one.hash);
      await audit.append({ type: 'tool.changed', server, name, gateway, approved, seen: hash });
    }
  }
  const tools = fresh.map(({ name, hash }) => ({ name, hash }));
  if (fresh.length > 0) await audit.append({ type: 'tools.seen', server, gateway, tools });
  return anyChanged;
}

function firstListOf(server: string): string {
  return `first-list/${server}`;
}

function missing(server: string, tool: string): never {
  throw new Fault(
    'not_found',
    `No tool ${JSON.stringify(tool)} of ${server} was seen yet. See: countersign tool list ${server}`,
  );
}

function otherDefinition(server: string, tool: string): Fault {
  return new Fault(
    'conflict',
    `The tool ${JSON.stringify(tool)} of ${server} has no such definition now. See: countersign tool show ${server} ${tool}`,
  );
}
