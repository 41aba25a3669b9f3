import type { ToolPin } from '../../gateway/pins/tool-pin.ts';

/** Where the tools of all servers stand, as the registry last said. */
export class KnownPins {
  private readonly servers = new Map<string, Map<string, ToolPin>>();
  private count = 0;

  /** Another number whenever something was said about a tool. */
  version(): number {
    return this.count;
  }

  /** Null for a tool that nothing was decided about. */
  find(server: string, tool: string): ToolPin | null {
    return this.servers.get(server)?.get(tool) ?? null;
  }

  /** `key` as the order of changes names a tool; null for one that is no longer known. */
  put(key: string, pin: ToolPin | null): void {
    this.count += 1;
    const slash = key.indexOf('/');
    const [server, tool] = [key.slice(0, slash), key.slice(slash + 1)];
    const known = this.servers.get(server) ?? new Map<string, ToolPin>();
    if (pin) this.servers.set(server, known.set(tool, pin));
    else if (known.delete(tool) && known.size === 0) this.servers.delete(server);
  }

  /**
   * These and no others. Of an `older` registry than was heard before, such as a backup that was restored, nothing is taken
   * that approves what was refused or had changed: the authority has to say it again.
   */
  replace(pins: readonly ToolPin[], older: boolean): void {
    const refused = older ? this.all().filter(({ state }) => state === 'refused' || state === 'changed') : [];
    this.count += 1;
    this.servers.clear();
    for (const pin of [...pins, ...refused]) this.put(`${pin.server}/${pin.tool}`, pin);
  }

  private all(): readonly ToolPin[] {
    return [...this.servers.values()].flatMap((tools) => [...tools.values()]);
  }
}
