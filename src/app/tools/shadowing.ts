import { Fault } from '../../kernel/fault.ts';
import { deceptionIn, skeletonOf } from '../../mcp/look-alike.ts';

/** A tool, by its server and by the name that the server gives it. */
export interface ToolName {
  readonly server: string;
  readonly tool: string;
}

/** What speaks against a name. */
export interface NameCheck {
  /** Why the name is not used at all, or null. */
  readonly refused: string | null;
  /** Why it is used only when an administrator says so in as many words, or null. */
  readonly doubtful: string | null;
}

/**
 * Looks at the name of a tool beside those of all servers. A name that looks like another one and is not it deceives people and
 * models, and is refused, as is one that takes on the name of another server. Two servers may both have a `search`: that is
 * told, and takes a word.
 */
export function checkName(
  { server, tool }: ToolName,
  others: readonly ToolName[],
  servers: readonly string[],
): NameCheck {
  const deception = deceptionIn(tool);
  if (deception !== null) return refusal(deception);
  const claimed = servers.find((other) => other !== server && claims(tool, other));
  if (claimed !== undefined) return refusal(`it takes on the name of the server ${claimed}`);
  const skeleton = skeletonOf(tool);
  const plain = plainOf(tool);
  const beside = others.filter((other) => other.server !== server || other.tool !== tool);
  const alike = beside.find((other) => plainOf(other.tool) !== plain && skeletonOf(other.tool) === skeleton);
  if (alike) return refusal(`it looks like ${shown(alike)} and is not the same`);
  const same = beside.filter((other) => plainOf(other.tool) === plain);
  if (same.length === 0) return { refused: null, doubtful: null };
  return { refused: null, doubtful: `its name is also that of ${same.map(shown).join(', ')}` };
}

/** Throws Fault `name_refused` for a name that is not used, or takes a word that was not said. */
export function requireName(
  { server, tool }: ToolName,
  check: NameCheck | undefined,
  sameName: boolean,
): void {
  const what = `The tool ${JSON.stringify(tool)} of ${server} is not approved: `;
  if (check?.refused) throw new Fault('name_refused', `${what}${check.refused}.`);
  if (check?.doubtful && !sameName) {
    throw new Fault('name_refused', `${what}${check.doubtful}. If that is meant: --same-name`);
  }
}

/** Exposed names are `<server>__<tool>`; a tool whose own name begins like that of another server passes for one of it. */
function claims(tool: string, server: string): boolean {
  const written = tool.toLowerCase();
  const [prefix, name] = [skeletonOf(server), skeletonOf(tool)];
  return (
    written.startsWith(`${server}__`) ||
    written.startsWith(`mcp__${server}__`) ||
    name.startsWith(`${prefix}__`) ||
    name.startsWith(`mcp__${prefix}__`)
  );
}

/** What people take for one name written in several ways: `get-user`, `get_user` and `getUser`. */
function plainOf(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s._/-]/g, '');
}

function shown({ server, tool }: ToolName): string {
  return `${JSON.stringify(tool)} of ${server}`;
}

function refusal(refused: string): NameCheck {
  return { refused, doubtful: null };
}
