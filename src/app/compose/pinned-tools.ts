import type { Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import { firstModernRevision } from '../../mcp/revisions.ts';
import { readToolList } from '../../gateway/pins/read-tool-list.ts';
import { PinnedTools, type ToolPins } from '../../gateway/pins/tool-pins.ts';
import { modernPost, modernRequest } from '../../upstream/eras/modern-request.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';
import type { RegistryView } from '../feed/registry-view.ts';
import { createToolReports } from '../feed/tool-reports.ts';
import type { ToolReport } from '../tools/tool-report.ts';
import type { UpstreamSet } from './upstream-set.ts';

/** The pins of a gateway, which looks itself at the tools of a server that is new to it. */
export interface RunningPins extends AsyncDisposable {
  readonly pins: ToolPins;
  /** The servers may have changed. */
  follow(): void;
}

interface Parts {
  readonly view: Pick<RegistryView, 'servers' | 'pins'>;
  readonly upstreams: Pick<UpstreamSet, 'find'>;
  readonly clock: Clock;
  /** How long what a server listed is taken to be so, in milliseconds. */
  readonly trusted: number;
  /** The gateway's own SPIFFE ID. */
  readonly self: string;
  /** Takes secrets out of a definition: it is kept and shown, and a server may write what it was shown into it. */
  readonly clean: (tool: Json) => Json;
  readonly tell: (reports: readonly ToolReport[]) => Promise<void>;
  readonly log: (line: string) => void;
}

const firstPause = 1_000;
const longestPause = 300_000;

export function composePins(parts: Parts): RunningPins {
  const { view, upstreams, clock, self, log } = parts;
  const reports = createToolReports({ tell: parts.tell, complain: log });
  const pins = new PinnedTools({
    view: {
      mode: (server) => modeOf(view.servers().get(server)),
      pin: (server, tool) => view.pins.find(server, tool),
      version: () => view.pins.version(),
    },
    clock,
    trusted: parts.trusted,
    clean: parts.clean,
    seen: reports.listed,
  });
  /** The definition that each server is looked at under, with what ends the looking. */
  const looks = new Map<string, { readonly definition: string; readonly stop: AbortController }>();

  const lookAt = async (server: string): Promise<void> => {
    const upstream = upstreams.find(server);
    if (!upstream) return;
    const own = modernPost(modernRequest({ id: 0, method: 'tools/list', params: {} }), {
      caller: self,
      signal: new AbortController().signal,
    });
    try {
      const tools = await readToolList({
        upstream,
        headers: own.headers,
        revision: firstModernRevision,
        params: own.inbound?.messages[0]?.params ?? {},
        caller: self,
        subjectToken: null,
      });
      pins.listed({ server, party: self, result: { tools }, first: true });
    } finally {
      // Nothing of the gateway's own stays open at a server.
      await upstream.endCaller(self);
    }
  };
  const lookUntilSeen = async (server: string, stop: AbortSignal): Promise<void> => {
    for (let failures = 0; !stop.aborted; failures += 1) {
      try {
        await lookAt(server);
        return;
      } catch (error) {
        if (failures === 0)
          log(`The tools of ${server} are not known yet, and are looked for again: ${errorText(error)}`);
        await pause(Math.min(longestPause, firstPause * 2 ** failures), stop);
      }
    }
  };
  return {
    pins,
    follow() {
      const servers = view.servers();
      for (const [server, { definition, stop }] of looks) {
        if (definition === JSON.stringify(servers.get(server))) continue;
        stop.abort();
        looks.delete(server);
        reports.forget(server);
      }
      for (const [server, wanted] of servers) {
        if (looks.has(server) || modeOf(wanted) === 'unpinned') continue;
        const stop = new AbortController();
        looks.set(server, { definition: JSON.stringify(wanted), stop });
        void lookUntilSeen(server, stop.signal);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { stop } of looks.values()) stop.abort();
      await reports[Symbol.asyncDispose]();
    },
  };
}

function modeOf(definition: ServerDefinition | undefined): NonNullable<ServerDefinition['tools']> {
  if (!definition) return 'approved';
  return definition.tools ?? 'first-list';
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    timer.unref();
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
