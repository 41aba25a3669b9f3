import type { ToolDefinition } from '../../mcp/tool-definition.ts';

/** A tool as one party was given it. */
interface Sighting {
  readonly hash: string;
  /** On the monotonic clock. */
  readonly at: number;
  readonly generation: number;
}

interface PartySightings {
  readonly tools: Map<string, Sighting>;
  /** When these were all tools of the server. */
  whole: Omit<Sighting, 'hash'> | null;
}

const mostParties = 10_000;
const mostSightings = 500_000;
const mostToolsOfParty = 2_000;

/** Which definitions servers gave to whom of late. A server may give each party others. */
export class Sightings {
  private readonly parties = new Map<string, PartySightings>();
  private readonly generations = new Map<string, number>();
  private count = 0;
  /** Grows whenever the server says that its tools changed: what was seen before counts no longer. */
  generation(server: string): number {
    return this.generations.get(server) ?? 0;
  }

  listChanged(server: string): void {
    this.generations.set(server, this.generation(server) + 1);
  }

  /** `generation`: as it was when the list was asked for. */
  take(
    { server, party }: { readonly server: string; readonly party: string },
    tools: readonly ToolDefinition[],
    { whole, at, generation }: { readonly whole: boolean; readonly at: number; readonly generation: number },
  ): void {
    const key = keyOf(server, party);
    const known = this.parties.get(key) ?? { tools: new Map<string, Sighting>(), whole: null };
    this.drop(key);
    if (whole) {
      known.tools.clear();
      known.whole = { at, generation };
    }
    for (const { name, hash } of tools) {
      if (known.tools.size < mostToolsOfParty || known.tools.has(name))
        known.tools.set(name, { hash, at, generation });
    }
    this.parties.set(key, known);
    this.count += known.tools.size;
    while (this.parties.size > mostParties || (this.count > mostSightings && this.parties.size > 1))
      this.drop(first(this.parties));
  }

  /** The hash of the definition that the party was given since that time; '' when the server lists no such tool, null when that is not known. */
  hashOf(server: string, party: string, tool: string, since: number): string | null {
    const known = this.parties.get(keyOf(server, party));
    if (!known) return null;
    const fresh = (seen: Omit<Sighting, 'hash'>): boolean =>
      seen.generation === this.generation(server) && seen.at >= since;
    const sighting = known.tools.get(tool);
    if (sighting && fresh(sighting)) return sighting.hash;
    return !sighting && known.whole && fresh(known.whole) ? '' : null;
  }

  private drop(key: string): void {
    this.count -= this.parties.get(key)?.tools.size ?? 0;
    this.parties.delete(key);
  }
}

/** No name of a server has a space in it. */
function keyOf(server: string, party: string): string {
  return `${server} ${party}`;
}

function first(map: ReadonlyMap<string, unknown>): string {
  const [key = ''] = map.keys();
  return key;
}
