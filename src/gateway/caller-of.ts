import type { Connection } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import { identify } from '../identity/identify.ts';
import { Fault } from '../kernel/fault.ts';

const callerFact = Symbol('caller');

/**
 * The caller behind a connection: the certificate is read and held to its profile once, what changes with time is
 * looked at on every request. Throws Fault `certificate_required` or what `identify` throws.
 */
export function callerOf(connection: Connection, trustDomain: string): Caller {
  const known = connection.facts.get(callerFact);
  if (known !== undefined) return known as Caller;
  if (!connection.certificate) {
    throw new Fault(
      'certificate_required',
      'This listener needs a client certificate and none was presented.',
    );
  }
  const caller = identify(connection.certificate, {
    trustDomain,
    kinds: ['agent', 'ephemeral'],
    ...(connection.partners && { partners: connection.partners }),
  });
  connection.facts.set(callerFact, caller);
  return caller;
}

/** The caller already identified on a connection, or null. */
export function knownCaller(connection: Connection): Caller | null {
  return (connection.facts.get(callerFact) as Caller | undefined) ?? null;
}
