import { confirmStanding } from '../../identity/standing.ts';
import type { GatewayPorts } from '../ports.ts';
import type { Asking } from './asking.ts';

/** An open stream of an agent, which wants to know when what it may see has changed. */
export interface Watcher {
  readonly asking: Asking;
  /** Called with the newest standing and servers. */
  changed(now: Asking): void;
}

/** The open streams of all agents. */
export interface Watchers {
  enter(watcher: Watcher): Disposable;
  /** Cuts every stream whose token was ended, and tells every one for whose agent servers, policies, pins or the record changed since it was last told. */
  review(together: readonly string[]): void;
}

export function createWatchers(ports: GatewayPorts): Watchers {
  const open = new Map<Watcher, string>();
  const stateOf = ({ standing }: Asking, together: readonly string[]): string => {
    const agent = ports.view.agent(standing.caller.name);
    const { policies, toolPins } = ports;
    return JSON.stringify([together, policies().version, toolPins.version(), agent?.roles, agent?.owner]);
  };
  return {
    enter(watcher) {
      open.set(watcher, stateOf(watcher.asking, watcher.asking.together));
      return { [Symbol.dispose]: () => void open.delete(watcher) };
    },
    review(together) {
      for (const [watcher, seen] of open) {
        if (!isGranted(watcher.asking)) {
          watcher.asking.exchange.connection.cut();
          continue;
        }
        const state = stateOf(watcher.asking, together);
        if (state === seen) continue;
        open.set(watcher, state);
        const now = renewed(watcher.asking, together);
        // Who lost its standing is cut by the listener's own review.
        if (now) watcher.changed(now);
      }
    },
  };
}

/** Whether the token that the stream was opened with still lets it be. */
function isGranted({ ports, grant }: Asking): boolean {
  try {
    ports.tokens.confirm(grant, null);
    return true;
  } catch {
    return false;
  }
}

function renewed(asking: Asking, together: readonly string[]): Asking | null {
  const { standing, ports } = asking;
  try {
    return { ...asking, together, standing: confirmStanding(standing.caller, ports.view, ports.clock.now()) };
  } catch {
    return null;
  }
}

const kinds = ['tools', 'prompts', 'resources'] as const;

/** The notifications that every list may have changed, as the legacy era has them. */
export function anyListChanged(): readonly string[] {
  return kinds.map((kind) =>
    JSON.stringify({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed` }),
  );
}
