import { Fault } from '../../kernel/fault.ts';
import { type Asking, serversFor } from './asking.ts';
import { type Heard, interpretText } from './interpret.ts';
import { createMergedStream, type Following, keepFollowing, type MergedStream } from './merged-stream.ts';
import { eventsOf } from './read-answer.ts';

import { type FederatedSession, type Place, placeHeaders } from './session.ts';
import { exchangeSink } from './sink.ts';
import { anyListChanged, type Watcher, type Watchers } from './watchers.ts';

/**
 * The stream of a legacy session: what every server tells the agent outside of a request, on one GET. Resolves when
 * the agent left. Throws Fault `conflict` while another one is open (MCP 2025-11-25: a message goes to one stream).
 */
export async function followNews(
  asking: Asking,
  session: FederatedSession,
  watchers: Watchers,
): Promise<void> {
  if (session.listener) throw new Fault('conflict', 'This session has a stream open already.');
  const { exchange, ports } = asking;
  const sink = exchangeSink(exchange);
  const stream = createMergedStream(sink, exchange.closed, {
    silentMilliseconds: ports.federation.limits.silentMilliseconds,
    leaving: ports.leaving,
    log: ports.log,
  });
  const follow = (place: Place): void => {
    if (place.sealed === null) return;
    stream.attach(place.server, (signal) =>
      keepFollowing((until) => followPlace({ asking, session, stream }, place, until), signal),
    );
  };
  const watcher: Watcher = {
    asking,
    changed: (now) => {
      const servers = new Set(serversFor(now, 'initialize'));
      stream.keep(servers, (name) => name.replace('missed ', ''));
      for (const place of session.places) if (!servers.has(place.server)) session.leave(place);
      for (const data of anyListChanged()) stream.send({ event: 'message', data }).catch(() => undefined);
    },
  };
  const missed = (server: string): void => {
    stream.attach(`missed ${server}`, (signal) =>
      keepFollowing(async () => await reach({ asking, session, stream }, server), signal),
    );
  };
  const listener = { opened: follow, missed, closed: stream.close };
  session.listener = listener;
  const watching = watchers.enter(watcher);
  try {
    // The head goes out at once: the agent waits for it before it goes on.
    await stream.send({ comment: '' });
    for (const place of session.places) follow(place);
    await stream.over;
    await sink.end();
  } finally {
    watching[Symbol.dispose]();
    if (session.listener === listener) session.listener = null;
  }
}

interface Follower {
  readonly asking: Asking;
  readonly session: FederatedSession;
  readonly stream: MergedStream;
}

/** Whose progress a server may tell outside of its answers: of the requests it is answering, which have no ids here. */
function progressing({ running }: FederatedSession, server: string): readonly Heard[] {
  return [...running.values()].flatMap((one) =>
    'server' in one && one.server === server ? [{ ...one.heard, id: undefined }] : [],
  );
}

/** Tries to reach a server that a list was given without; once it is there, the lists have changed. */
async function reach({ asking, session, stream }: Follower, server: string): Promise<Following> {
  try {
    await session.place(server, asking.asker);
  } catch {
    return { heard: false, retry: null };
  }
  for (const data of anyListChanged()) await stream.send({ event: 'message', data });
  return 'never';
}

/** One GET at one server, from the event it was last heard at. */
async function followPlace(
  { asking, session, stream }: Follower,
  place: Place,
  signal: AbortSignal,
): Promise<Following> {
  const { server, revision, lastEvent } = place;
  const resumed = lastEvent === null ? {} : { 'last-event-id': lastEvent };
  const answer = await asking.asker.ask({
    server,
    method: 'GET',
    message: null,
    revision,
    headers: { ...placeHeaders(place), ...resumed },
    signal,
  });
  if (answer.body instanceof Uint8Array) {
    if (answer.status === 404) session.leave(place);
    // 405 and its like: no stream is offered here (MCP 2025-11-25, Listening for Messages).
    return answer.status >= 500 || answer.status === 429 ? { heard: false, retry: null } : 'never';
  }
  let heard = false;
  let retry: number | null = null;
  try {
    for await (const event of eventsOf(answer.body)) {
      heard = true;
      retry = event.retry ?? retry;
      if (event.id !== null) place.lastEvent = event.id === '' ? null : event.id;
      if (event.data === null || event.data === '') continue;
      const { questions } = session;
      const interpreter = { server, questions, heard: progressing(session, server) };
      const data = interpretText(event.data, interpreter);
      if (data !== null) await stream.send({ event: 'message', data });
    }
  } catch (error) {
    // The server's stream broke; it is opened again. What is no MCP is not worth it.
    if (error instanceof Fault && error.code === 'upstream_garbage') throw error;
  }
  return { heard, retry };
}
