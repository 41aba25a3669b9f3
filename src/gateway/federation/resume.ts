import { Fault } from '../../kernel/fault.ts';
import { type Asking, wordingOf } from './asking.ts';
import { relayOne } from './relay-one.ts';
import { type FederatedSession, placeHeaders } from './session.ts';
import { exchangeSink } from './sink.ts';

/**
 * Goes on with the answer of one server after the given event (MCP 2025-11-25, Resumability): the id says which server,
 * and opens for the agent it was sent to only. Throws Fault `handle_unknown`.
 */
export async function resumeEvents(asking: Asking, session: FederatedSession, sealed: string): Promise<void> {
  const { standing, ports, asker, exchange } = asking;
  const owner = { spiffeId: standing.caller.spiffeId, purpose: 'event', of: session.id } as const;
  const [server, event = ''] = ports.federation.seal.open(sealed, owner);
  const place = session.places.find((each) => each.server === server);
  if (!place) throw new Fault('handle_unknown', 'The server of this event has no session any more.');
  const answer = await asker.ask({
    server: place.server,
    method: 'GET',
    message: null,
    revision: place.revision,
    headers: { ...placeHeaders(place), 'last-event-id': event },
  });
  const { questions } = session;
  await relayOne(answer, exchangeSink(exchange), {
    wording: wordingOf(asking, place.server),
    subject: null,
    questions,
    session: session.id,
  });
}
