import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import type { Inbound } from '../../mcp/message.ts';
import { readToolDefinition, type ToolDefinition, toolsIn } from '../../mcp/tool-definition.ts';
import type { ToolsMode } from '../../upstream/server-definition.ts';
import { Sightings } from './sightings.ts';
import type { ToolPin } from './tool-pin.ts';

/** A list of tools as a server gave it. */
export interface ListedTools {
  readonly server: string;
  readonly party: string;
  readonly result: JsonObject;
  /** Whether the beginning of the list was asked for. */
  readonly first: boolean;
}

/** Calls whose tools are approved, with the definitions that they have now. */
export interface CheckedTools {
  readonly server: string;
  readonly calls: readonly { readonly tool: string; readonly hash: string }[];
  readonly generation: number;
}

/** The calls of a body, for whom, and how the list of the server is read as this caller would be given it. */
export interface AskedTools {
  readonly server: string;
  readonly party: string;
  readonly inbound: Inbound | null;
  readonly readList: () => Promise<readonly Json[]>;
}

/**
 * Holds tools to the definitions that were approved: no other is listed, and no other is called. The check on the call is the
 * control (law 7); what is listed is for the caller's convenience.
 */
export interface ToolPins {
  /** Whether the tools of the server are held to anything. */
  guards(server: string): boolean;
  /** The result with the tools that are approved as they stand. */
  listed(list: ListedTools): JsonObject;
  /**
   * Null where nothing is held to anything. A definition that this gateway has not seen of late is read first. Throws Fault
   * `tool_unapproved`, `tool_changed`, or what reading the list throws.
   */
  check(asked: AskedTools): CheckedTools | null | Promise<CheckedTools>;
  /** Throws Fault `tool_unapproved` or `tool_changed` when the calls may be made no longer. */
  confirm(checked: CheckedTools): void;
  /** The same right before they are made: also when the server has said since that its tools changed. */
  settle(checked: CheckedTools): void;
  /** Why a tool is not to be called as far as its pin says, or null. */
  objection(server: string, tool: string): Fault | null;
  /** Another text whenever other tools may be usable than before. */
  version(): string;
  /** The server said that its tools changed. */
  listChanged(server: string): void;
}

/** Where tools stand, as of now. */
export interface PinsView {
  mode(server: string): ToolsMode;
  pin(server: string, tool: string): ToolPin | null;
  /** Another number whenever a pin changed. */
  version(): number;
}

/** How often a list is read again because the server says meanwhile that it changed. */
const mostReadings = 3;

export class PinnedTools implements ToolPins {
  private readonly view: PinsView;
  private readonly clock: Clock;
  private readonly seen: (server: string, tools: readonly ToolDefinition[], whole: boolean) => void;
  private readonly clean: (tool: Json) => Json;
  private readonly sightings = new Sightings();
  private readonly trusted: number;
  private readonly reading = new Map<string, Promise<void>>();
  /** Tools of which this gateway saw another definition than an approved one, with the revision of the pin then. */
  private readonly changed = new Map<string, number>();

  /** `seen` is told of every definition; `whole`: these are all the tools of the server. */
  constructor(parts: {
    readonly view: PinsView;
    readonly clock: Clock;
    /** How long what a server listed is taken to be so, in milliseconds; 0 has every call wait for the list. */
    readonly trusted: number;
    readonly seen: (server: string, tools: readonly ToolDefinition[], whole: boolean) => void;
    /** Takes out of a definition what may be kept nowhere; nothing unless given. */
    readonly clean?: (tool: Json) => Json;
  }) {
    this.view = parts.view;
    this.clock = parts.clock;
    this.seen = parts.seen;
    this.clean = parts.clean ?? ((tool) => tool);
    this.trusted = parts.trusted;
  }

  guards(server: string): boolean {
    return this.view.mode(server) !== 'unpinned';
  }

  listed({ server, party, result, first }: ListedTools): JsonObject {
    const items = toolsIn(result);
    const whole = first && result['nextCursor'] === undefined;
    const usable = this.take({ server, party }, items, {
      whole,
      generation: this.sightings.generation(server),
    });
    if (!this.guards(server) || result['tools'] === undefined) return result;
    return { ...result, tools: items.filter((_, at) => usable[at]) };
  }

  check(asked: AskedTools): CheckedTools | null | Promise<CheckedTools> {
    const { server, inbound } = asked;
    if (!inbound || !this.guards(server)) return null;
    const tools = calledIn(inbound);
    if (tools.length === 0) return null;
    for (const tool of tools) this.require(server, tool);
    const since = this.trusted === 0 ? Number.POSITIVE_INFINITY : this.clock.monotonic() - this.trusted;
    return this.known(asked, tools, since) ?? this.readThenCheck(asked, tools);
  }

  confirm({ server, calls }: CheckedTools): void {
    if (!this.guards(server)) return;
    for (const { tool, hash } of calls) {
      if (!this.require(server, tool).hashes.includes(hash)) throw changedFault(server, tool);
    }
  }

  settle(checked: CheckedTools): void {
    this.confirm(checked);
    if (this.sightings.generation(checked.server) === checked.generation) return;
    throw new Fault(
      'tool_changed',
      `The server ${checked.server} said just now that its tools changed. List them again.`,
    );
  }

  objection(server: string, tool: string): Fault | null {
    if (!this.guards(server)) return null;
    const pin = this.view.pin(server, tool);
    switch (pin?.state) {
      case 'approved':
        return this.changed.get(`${server}/${tool}`) === pin.revision ? changedFault(server, tool) : null;
      case 'changed':
        return changedFault(server, tool);
      case 'refused':
        return unapproved(server, tool, 'an administrator has refused it');
      default:
        return unapproved(server, tool, 'no administrator has approved it yet');
    }
  }

  version(): string {
    return `${this.view.version()} ${this.changed.size}`;
  }

  listChanged(server: string): void {
    this.sightings.listChanged(server);
  }

  private require(server: string, tool: string): ToolPin {
    const objection = this.objection(server, tool);
    if (objection) throw objection;
    const pin = this.view.pin(server, tool);
    if (!pin) throw unapproved(server, tool, 'no administrator has approved it yet');
    return pin;
  }

  /** What was seen since that time is enough; null when a tool was not. */
  private known(
    { server, party }: Pick<AskedTools, 'server' | 'party'>,
    tools: readonly string[],
    since: number,
  ): CheckedTools | null {
    const calls: { readonly tool: string; readonly hash: string }[] = [];
    for (const tool of tools) {
      const pin = this.require(server, tool);
      const hash = this.sightings.hashOf(server, party, tool, since);
      if (hash === null) return null;
      if (hash === '') throw unapproved(server, tool, 'it is not among the tools that its server lists now');
      if (!pin.hashes.includes(hash)) throw changedFault(server, tool);
      calls.push({ tool, hash });
    }
    return { server, calls, generation: this.sightings.generation(server) };
  }

  private async readThenCheck(asked: AskedTools, tools: readonly string[]): Promise<CheckedTools> {
    const { server } = asked;
    const began = this.clock.monotonic();
    for (let readings = 0; readings < mostReadings; readings += 1) {
      await this.readOnce(asked);
      const known = this.known(asked, tools, began);
      if (known) return known;
    }
    throw new Fault(
      'tool_changed',
      `The tools of the server ${server} keep changing while they are looked at.`,
    );
  }

  /** Calls that come together wait for one reading. */
  private readOnce({ server, party, readList }: AskedTools): Promise<void> {
    const key = `${server} ${party}`;
    const under = this.reading.get(key);
    if (under) return under;
    const generation = this.sightings.generation(server);
    const reading = readList()
      .then((items) => void this.take({ server, party }, items, { whole: true, generation }))
      .finally(() => this.reading.delete(key));
    this.reading.set(key, reading);
    return reading;
  }

  /** Notes what a server gave, and says which of it is approved as it stands. */
  private take(
    from: { readonly server: string; readonly party: string },
    items: readonly Json[],
    seen: { readonly whole: boolean; readonly generation: number },
  ): readonly boolean[] {
    const { server } = from;
    const definitions = items.map((item) => readToolDefinition(this.clean(item)));
    const told = definitions.filter((definition) => definition !== null);
    this.seen(server, told, seen.whole);
    if (!this.guards(server)) return [];
    const twice = namedTwice(told);
    const usable = definitions.map(
      (definition) => definition !== null && this.isApproved(server, definition, twice.has(definition.name)),
    );
    this.sightings.take(from, told, { ...seen, at: this.clock.monotonic() });
    return usable;
  }

  private isApproved(server: string, { name, hash }: ToolDefinition, ambiguous: boolean): boolean {
    const pin = this.view.pin(server, name);
    if (pin?.state !== 'approved') return false;
    if (ambiguous || !pin.hashes.includes(hash)) this.changed.set(`${server}/${name}`, pin.revision);
    return this.objection(server, name) === null;
  }
}

/** The tools that a body calls. */
function calledIn({ messages }: Inbound): readonly string[] {
  const tools: string[] = [];
  for (const { kind, method, target } of messages) {
    if (kind === 'request' && method === 'tools/call' && target.kind === 'tool') tools.push(target.name);
  }
  return tools;
}

/** The names that a list gives to more than one definition. */
function namedTwice(definitions: readonly ToolDefinition[]): ReadonlySet<string> {
  const hashes = new Map<string, string>();
  const twice = new Set<string>();
  for (const { name, hash } of definitions) {
    if ((hashes.get(name) ?? hash) !== hash) twice.add(name);
    hashes.set(name, hash);
  }
  return twice;
}

function unapproved(server: string, tool: string, why: string): Fault {
  return new Fault('tool_unapproved', `Refused: the tool ${shown(tool)} of server ${server}: ${why}.`);
}

function changedFault(server: string, tool: string): Fault {
  const what = `the tool ${shown(tool)} of server ${server} is not what was approved`;
  return new Fault('tool_changed', `Refused: ${what}. An administrator has to look at what changed.`);
}

function shown(tool: string): string {
  return JSON.stringify(tool.slice(0, 120));
}
