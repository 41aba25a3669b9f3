import { createConnectionRefusals } from '../../audit/connection-refusals.ts';
import type { AuditLog } from '../../audit/log.ts';
import { createConnectionLimit } from '../../gateway/connections.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import type { Listener, TlsMaterial } from '../../http/exchange.ts';
import { listen } from '../../http/listen.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Config } from '../config/config.ts';

export interface AgentsListenerOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly trustDomain: string;
  readonly audit: AuditLog;
  readonly gateway: Pick<Gateway, 'handle'>;
  readonly material: TlsMaterial;
  /** An OCSP response about the gateway's own certificate; none unless given. */
  readonly staple?: (certificate: Uint8Array) => Promise<Uint8Array | null>;
}

/** Opens the listener that agents reach: nobody without a certificate, and only so many connections of each. */
export async function openAgentsListener(
  options: AgentsListenerOptions,
  opened: AsyncDisposableStack,
): Promise<Listener> {
  const { config, clock, gateway } = options;
  const { host, port, hosts, origins, tlsMinimum } = config.listeners.agents;
  const refusals = opened.use(createConnectionRefusals(options.audit, 'agents'));
  return opened.use(
    await listen({
      name: 'agents',
      host,
      port,
      tls: { material: options.material, clientCertificate: 'required', minimumVersion: tlsMinimum },
      hosts,
      origins,
      handle: (exchange) => gateway.handle(exchange),
      welcome: createConnectionLimit({
        clock,
        trustDomain: options.trustDomain,
        most: config.gateway.connectionsPerAgent,
      }),
      patience: {
        stallMilliseconds: config.gateway.stalledReaderMilliseconds,
        silentMilliseconds: config.gateway.silentStreamMilliseconds,
      },
      onRefused: refusals.record,
      ...(options.staple && { staple: options.staple }),
      clock,
      engine: config.http.engine,
    }),
  );
}
