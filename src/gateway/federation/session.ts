import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import { eraOf, revisions } from '../../mcp/revisions.ts';
import type { Asker } from './ask-server.ts';
import type { Heard } from './interpret.ts';
import { createQuestionBook } from './question-book.ts';
import { resultOf } from './read-answer.ts';

/** The agent's session at one server. */
export interface Place {
  readonly server: string;
  /** As the road for one server sealed it for this agent; null when the server keeps no sessions. */
  readonly sealed: string | null;
  readonly revision: string;
  readonly capabilities: JsonObject;
  /** The last event heard on the server's stream, to go on from. */
  lastEvent: string | null;
}

/** What is under way for a request of the client: at which server, or how to stop what is ours. */
export type Running =
  | { readonly server: string; readonly heard: Heard }
  | { readonly stop: (reason: Fault) => void };

/** The hub that takes in the news of servers while a stream of the client is open. */
export interface PlaceListener {
  opened(place: Place): void;
  /** A list had to be given without a server: when it can be reached, the lists have changed. */
  missed(server: string): void;
  /** The session was ended. */
  closed(): void;
}

/**
 * A session of the legacy era with all servers at once. A session at a server is opened when the first request needs
 * it, so that a server which is down or slow keeps nobody waiting who does not want it.
 */
export class FederatedSession {
  readonly id: string;
  readonly party: string;
  readonly agent: string;
  readonly revision: string;
  readonly questions = createQuestionBook();
  readonly running = new Map<Json, Running>();
  readonly subscribed = new Map<string, Set<string>>();
  /** The stream of the client that is open now. */
  listener: PlaceListener | null = null;
  logLevel: Json = null;
  usedAt: number;
  readonly #hello: JsonObject;
  readonly #places = new Map<string, Promise<Place>>();
  readonly #opened = new Map<string, Place>();

  /** `id`: of a session that another gateway opened; a fresh one unless given. */
  constructor(owner: { party: string; agent: string }, hello: JsonObject, now: number, id = randomId()) {
    this.id = id;
    this.party = owner.party;
    this.agent = owner.agent;
    this.revision = agreedRevision(hello['protocolVersion']);
    this.#hello = { ...hello, protocolVersion: this.revision };
    this.usedAt = now;
  }

  /** The session at a server, opened now if there is none. Throws what asking throws; the next request tries again. */
  async place(server: string, asker: Asker): Promise<Place> {
    const known = this.#places.get(server);
    if (known) return await known;
    const opening = this.#open(server, asker);
    this.#places.set(server, opening);
    try {
      const place = await opening;
      this.#opened.set(server, place);
      this.listener?.opened(place);
      return place;
    } catch (error) {
      if (this.#places.get(server) === opening) this.#places.delete(server);
      throw error;
    }
  }

  /** The parameters of `initialize` that sessions at servers are opened with. */
  get hello(): JsonObject {
    return this.#hello;
  }

  /** Takes over a session at a server that another gateway opened. */
  adopt(place: Place): void {
    if (this.#places.has(place.server)) return;
    this.#places.set(place.server, Promise.resolve(place));
    this.#opened.set(place.server, place);
  }

  /** The sessions at servers that are open now. */
  get places(): readonly Place[] {
    return [...this.#opened.values()];
  }

  /** Forgets a session that its server no longer has. */
  leave(place: Place): void {
    if (this.#opened.get(place.server) !== place) return;
    this.#opened.delete(place.server);
    this.#places.delete(place.server);
  }

  /** Ends the sessions at all servers; one that does not answer in time expires there by itself. */
  async close(asker: Asker, milliseconds: number): Promise<void> {
    this.listener?.closed();
    const overdue = new AbortController();
    const timer = setTimeout(() => {
      overdue.abort(new Fault('upstream_timeout', `It did not end the session within ${milliseconds} ms.`));
    }, milliseconds);
    const ending = this.places.map(async (place) => {
      this.leave(place);
      if (place.sealed === null) return;
      const { server, revision } = place;
      const headers = placeHeaders(place);
      await asker.ask({ server, method: 'DELETE', message: null, revision, headers, signal: overdue.signal });
    });
    await Promise.allSettled(ending);
    clearTimeout(timer);
  }

  async #open(server: string, asker: Asker): Promise<Place> {
    const overdue = new AbortController();
    const timer = setTimeout(() => {
      const detail = `it did not open a session within ${openMilliseconds} ms`;
      overdue.abort(new Fault('upstream_timeout', detail));
    }, openMilliseconds);
    try {
      return await this.#greet(server, asker, overdue.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #greet(server: string, asker: Asker, signal: AbortSignal): Promise<Place> {
    const id = `open-${randomId()}`;
    const answer = await asker.ask({
      server,
      message: { jsonrpc: '2.0', id, method: 'initialize', params: this.#hello },
      revision: null,
      signal,
    });
    const result = await resultOf(answer, id);
    const revision = result['protocolVersion'];
    if (typeof revision !== 'string' || !revisions.includes(revision) || eraOf(revision) !== 'legacy') {
      throw new Fault('upstream_garbage', 'The MCP server agreed to a revision that does not exist.');
    }
    const place: Place = {
      server,
      sealed: answer.headers['mcp-session-id'] ?? null,
      revision,
      capabilities: isJsonObject(result['capabilities']) ? result['capabilities'] : {},
      lastEvent: null,
    };
    await tell(place, { jsonrpc: '2.0', method: 'notifications/initialized' }, asker);
    await this.#catchUp(place, asker);
    return place;
  }

  /** A server that joins late, or anew, learns what the client told the others. */
  async #catchUp(place: Place, asker: Asker): Promise<void> {
    if (this.logLevel !== null && place.capabilities['logging'] !== undefined) {
      await request(place, 'logging/setLevel', { level: this.logLevel }, asker);
    }
    for (const uri of this.subscribed.get(place.server) ?? []) {
      await request(place, 'resources/subscribe', { uri }, asker);
    }
  }
}

/** How long a server may take to open a session, such as one that is fetched first; the next request tries again. */
const openMilliseconds = 60_000;

/** The headers that say which session a message belongs to. */
export function placeHeaders({ sealed }: Place): Record<string, string> {
  return sealed === null ? {} : { 'mcp-session-id': sealed };
}

/** Sends a notification or a response. */
export async function tell(place: Place, message: JsonObject, asker: Asker): Promise<void> {
  const { server, revision } = place;
  const answer = await asker.ask({ server, message, revision, headers: placeHeaders(place) });
  if (!(answer.body instanceof Uint8Array)) for await (const _ of answer.body);
}

/** Sends a request of our own whose failure harms nobody else. */
export async function request(
  place: Place,
  method: string,
  params: JsonObject,
  asker: Asker,
): Promise<JsonObject | null> {
  const { server, revision } = place;
  const id = `own-${randomId()}`;
  const message = { jsonrpc: '2.0', id, method, params };
  try {
    return await resultOf(await asker.ask({ server, message, revision, headers: placeHeaders(place) }), id);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** MCP 2025-11-25, Version Negotiation: the client's revision if it is spoken, else our newest of that era. */
function agreedRevision(proposed: Json | undefined): string {
  const known = typeof proposed === 'string' && revisions.includes(proposed) && eraOf(proposed) === 'legacy';
  return known ? proposed : (revisions.find((revision) => eraOf(revision) === 'legacy') ?? '');
}
