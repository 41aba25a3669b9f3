import { isJsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Asking } from './asking.ts';
import type { Heard } from './interpret.ts';
import { readMessage } from './read-answer.ts';
import { relayOne } from './relay-one.ts';
import { type FederatedSession, placeHeaders } from './session.ts';
import { exchangeSink } from './sink.ts';
import type { SealOwner } from '../state-seal.ts';

/**
 * Makes the ids of the events that answer a request ones that name their server and the request, and that open for
 * this session only. The modern era has no event ids: what comes there is sealed for nobody.
 */
export function eventSealer(asking: Asking, server: string, heard: Heard): (id: string) => string {
  const owner = eventOwner(asking, asking.session?.id ?? '');
  return (id) => {
    // With the session at the server, so that any gateway can go on.
    const place = asking.session?.places.find((each) => each.server === server);
    const at = place ? [place.sealed ?? '', place.revision] : [];
    return asking.ports.handles.seal([server, id, JSON.stringify(heard), ...at], owner);
  };
}

/**
 * Goes on with the answer of one server after the given event (MCP 2025-11-25, Resumability). Throws Fault
 * `handle_unknown` for an id that was not given in this session.
 */
export async function resumeEvents(asking: Asking, session: FederatedSession, given: string): Promise<void> {
  const { ports, asker, exchange } = asking;
  const opened = ports.handles.open(given, eventOwner(asking, session.id));
  const [server = '', event = '', request = '', sealed = '', revision = ''] = opened;
  if (sealed !== '') session.adopt({ server, sealed, revision, capabilities: {}, lastEvent: null });
  const place = session.places.find((each) => each.server === server);
  if (!place) throw new Fault('handle_unknown', 'The server of this event has no session any more.');
  const answer = await asker.ask({
    server,
    method: 'GET',
    message: null,
    revision: place.revision,
    headers: { ...placeHeaders(place), 'last-event-id': event },
  });
  const heard = heardOf(request);
  const interpreter = {
    server,
    questions: session.questions,
    heard: [heard],
  };
  await relayOne(answer, exchangeSink(exchange), interpreter, eventSealer(asking, server, heard));
}

function heardOf(text: string): Heard {
  const value = readMessage(text);
  if (!isJsonObject(value)) throw new Fault('internal', 'A sealed event names no request.');
  return { id: value['id'] ?? null, progressToken: value['progressToken'] ?? null };
}

function eventOwner({ party }: Asking, session: string): SealOwner {
  return { party, purpose: 'event', of: session };
}
