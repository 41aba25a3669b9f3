import type { Authorities } from '../../bridge/authorities.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { type AdminIdentity, callAuthority } from '../admin/remote-administration.ts';
import type { GatewayOptions } from './compose-gateway.ts';

/** How a gateway elsewhere tells its authorities what it sees. */
export function tellAuthorities(
  authorities: Pick<Authorities, 'ask'>,
  identity: () => AdminIdentity,
): Required<Pick<GatewayOptions, 'tellSeen' | 'tellTools' | 'tellFlows' | 'tellServers'>> {
  const post = async (path: string, body: JsonObject): Promise<void> => {
    await authorities.ask((authority) => callAuthority(new URL(path, authority), identity(), body));
  };
  return {
    tellSeen: (seen) => post('/v1/seen', { agents: seen }),
    tellTools: (reports) => post('/v1/tools', { reports: reports.map((report) => ({ ...report })) }),
    tellFlows: (rows) => post('/v1/flows', { flows: rows.map((row) => ({ ...row })) }),
    tellServers: (states) => post('/v1/servers', { servers: states.map((state) => ({ ...state })) }),
  };
}
