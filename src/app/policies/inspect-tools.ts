import { Fault } from '../../kernel/fault.ts';
import type { PolicySet } from '../../policy/compile-policies.ts';
import { checkTools, toolFindingText } from '../../policy/tools/check-tools.ts';
import { type KnownTools, knownTools, type ToolDefinition } from '../../policy/tools/known-tools.ts';
import type { ToolRecords } from '../store/tool-records.ts';
import { definitionsOf } from '../tools/definitions.ts';

/**
 * Holds policies that were changed against the tools that servers were approved with. Throws Fault `policy_invalid` for a tool or an
 * argument that does not exist. A policy that is in force word for word is not looked at again: a server that changes its tools
 * must not take a right, or a prohibition, out of force.
 */
export async function inspectTools(
  after: PolicySet,
  inForce: PolicySet,
  { tools, log }: { readonly tools: Pick<ToolRecords, 'list'>; readonly log: (line: string) => void },
): Promise<void> {
  const { known, approved } = await toolsOfServers(tools);
  if (known.servers.size === 0) return;
  const old = new Set(inForce.policies.map(({ text }) => text));
  const findings = checkTools(
    after.policies.filter(({ text }) => !old.has(text)),
    known,
  );
  const isError = ({ level, servers }: (typeof findings)[number]): boolean =>
    level === 'error' && servers.every((server) => approved.has(server));
  const errors = findings.filter(isError).map(toolFindingText);
  if (errors.length > 0) throw new Fault('policy_invalid', errors.join('\n'));
  for (const finding of findings) log(`Warning: ${toolFindingText(finding)}`);
}

/** The tools of every server, and the servers of which every tool that was seen is approved as it is. */
async function toolsOfServers(
  tools: Pick<ToolRecords, 'list'>,
): Promise<{ readonly known: KnownTools; readonly approved: ReadonlySet<string> }> {
  const definitions = [...(await definitionsOf(tools))].map(
    ([server, byName]): [string, readonly ToolDefinition[]] => [
      server,
      [...byName].map(([name, definition]) => ({ name, inputSchema: definition['inputSchema'] })),
    ],
  );
  const records = await tools.list();
  const open = new Set(records.filter(({ state }) => state !== 'approved').map(({ server }) => server));
  const approved = definitions.map(([server]) => server).filter((server) => !open.has(server));
  return { known: knownTools(new Map(definitions)), approved: new Set(approved) };
}
