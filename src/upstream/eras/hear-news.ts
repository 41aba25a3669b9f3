import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Message } from '../../mcp/message.ts';
import type { StdioCall } from '../stdio-call.ts';
import { type ServerSession, sessionEnded } from './server-session.ts';

const subscription = 'io.modelcontextprotocol/subscriptionId';

/** The lists that a client may hear of: the name in `subscriptions/listen`, the capability, the notification. */
const lists = [
  ['toolsListChanged', 'tools', 'notifications/tools/list_changed'],
  ['promptsListChanged', 'prompts', 'notifications/prompts/list_changed'],
  ['resourcesListChanged', 'resources', 'notifications/resources/list_changed'],
] as const;

/**
 * Answers `subscriptions/listen` from what a legacy session says on the stream of what belongs to no request
 * (MCP 2026-07-28, Subscriptions). Resources are subscribed to one by one; policy judged each of them.
 */
export async function hearNews(
  session: ServerSession,
  message: Message,
  call: StdioCall,
): Promise<Disposable> {
  const capabilities = objectOf(session.initialized['capabilities']);
  const wanted = objectOf(message.params['notifications']);
  const given = wanted['resourceSubscriptions'];
  const canSubscribe = objectOf(capabilities['resources'])['subscribe'] === true;
  const uris = isJsonArray(given) && canSubscribe ? given.filter((uri) => typeof uri === 'string') : [];
  const heard = lists.filter(
    ([name, capability]) =>
      wanted[name] === true && objectOf(capabilities[capability])['listChanged'] === true,
  );
  for (const uri of uris) await session.ask('resources/subscribe', { uri });
  const tagged = (method: string, params: JsonObject): JsonObject => ({
    jsonrpc: '2.0',
    method,
    params: { ...params, _meta: { ...objectOf(params['_meta']), [subscription]: message.id } },
  });
  const honoured: JsonObject = {
    ...Object.fromEntries(heard.map(([name]) => [name, true])),
    ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}),
  };
  call.event(tagged('notifications/subscriptions/acknowledged', { notifications: honoured }));
  const hearing = session.hear((news) => {
    const params = objectOf(news['params']);
    if (news['method'] === sessionEnded) {
      const result = { resultType: 'complete', _meta: { [subscription]: message.id } };
      call.answer({ jsonrpc: '2.0', id: message.id, result });
    } else if (news['method'] === 'notifications/resources/updated') {
      if (uris.some((uri) => uri === params['uri']))
        call.event(tagged('notifications/resources/updated', params));
    } else {
      const list = heard.find(([, , method]) => method === news['method']);
      if (list) call.event(tagged(list[2], params));
    }
  });
  return {
    [Symbol.dispose]() {
      hearing[Symbol.dispose]();
      for (const uri of uris) session.ask('resources/unsubscribe', { uri }).catch(() => undefined);
    },
  };
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
