import type { Redactor } from '../../secrets/redact.ts';
import type { ServerState } from '../feed/server-states.ts';
import type { UpstreamSet } from './upstream-set.ts';

/** What the registry is told of a server; the detail may quote the server, which may quote our credentials. */
export function stateOfServer(
  { name, state, detail, circuit }: ReturnType<UpstreamSet['health']>[number],
  redactor: Redactor,
): ServerState {
  return {
    name,
    state,
    circuit: circuit?.state ?? 'closed',
    agentsLeftAlone: circuit?.agents ?? 0,
    detail: redactor.redact(detail).slice(0, 200),
  };
}
