import { setTimeout as delay } from 'node:timers/promises';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { UpstreamLimits } from '../limits.ts';
import { createNewsStream } from '../news-stream.ts';
import type { Upstream, UpstreamResponse } from '../upstream.ts';
import { type ClientClaims, modernPost, modernRequest } from './modern-request.ts';
import { readMessages } from './read-messages.ts';
import { toLegacyResult } from './translate.ts';

/** The GET stream of a legacy client, fed by a `subscriptions/listen` that follows what it subscribed to. */
export interface ClientNews {
  readonly open: boolean;
  listen(signal: AbortSignal): UpstreamResponse;
  /** Policy judged the resource when the client named it. */
  subscribe(uri: Json, wanted: boolean): void;
  end(): void;
}

export interface ClientNewsOptions {
  readonly inner: Upstream;
  readonly caller: string;
  readonly discovered: JsonObject;
  readonly limits: UpstreamLimits;
  readonly claims: () => ClientClaims;
  readonly nextId: () => number;
}

const lists = { tools: 'toolsListChanged', prompts: 'promptsListChanged', resources: 'resourcesListChanged' };
/** Before a stream that ended is opened again, in milliseconds. */
const pause = 1_000;
const mostSubscriptions = 1_000;

export function createClientNews(options: ClientNewsOptions): ClientNews {
  const { inner, caller, discovered, limits, claims, nextId } = options;
  const uris = new Set<string>();
  let following: AbortController | null = null;
  const stream = createNewsStream(limits, () => {
    if (!stream.open) following?.abort();
  });

  const wanted = (): JsonObject => {
    const capabilities = isJsonObject(discovered['capabilities']) ? discovered['capabilities'] : {};
    const heard = Object.entries(lists).filter(([name]) => {
      const capability = capabilities[name];
      return isJsonObject(capability) && capability['listChanged'] === true;
    });
    return {
      ...Object.fromEntries(heard.map(([, name]) => [name, true])),
      ...(uris.size > 0 ? { resourceSubscriptions: [...uris] } : {}),
    };
  };

  const follow = async (stop: AbortSignal, onOpen: () => void): Promise<void> => {
    const notifications = wanted();
    if (Object.keys(notifications).length === 0) return;
    while (!stop.aborted) {
      const value = modernRequest(
        { id: nextId(), method: 'subscriptions/listen', params: { notifications } },
        { ...claims(), logLevel: null },
      );
      const response = await inner.send(modernPost(value, { caller, signal: stop }));
      if (response.body instanceof Uint8Array) return;
      for await (const message of readMessages(response)) {
        if (message['method'] === 'notifications/subscriptions/acknowledged') onOpen();
        else if (typeof message['method'] === 'string') stream.tell(plain(message));
      }
      await delay(pause, undefined, { signal: stop });
    }
  };

  /** The new stream is open before the old one is closed, so that nothing falls between them. */
  const refresh = (): void => {
    if (!stream.open) return;
    const previous = following;
    const mine = new AbortController();
    following = mine;
    follow(mine.signal, () => previous?.abort())
      .catch(() => undefined)
      .finally(() => previous?.abort());
  };

  return {
    get open() {
      return stream.open;
    },
    listen(signal) {
      const response = stream.listen(signal);
      if (response.status === 200) refresh();
      return response;
    },
    subscribe(uri, want) {
      if (typeof uri !== 'string' || uris.has(uri) === want) return;
      if (!want) uris.delete(uri);
      else if (uris.size < mostSubscriptions) uris.add(uri);
      refresh();
    },
    end() {
      following?.abort();
      stream.end();
    },
  };
}

function plain(notification: JsonObject): JsonObject {
  const { params } = notification;
  return isJsonObject(params) ? { ...notification, params: toLegacyResult(params) } : notification;
}
