import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { exposedName, exposedUri } from './exposed-names.ts';

/**
 * The result of a request in the terms of all servers; the same object where nothing has to be changed. What the agent
 * comes back with, such as the id of a task, is sealed for it on the road to the server.
 */
export function resultForAgent(result: JsonObject, server: string): JsonObject {
  let changed = mapMember(result, 'content', (block) => withResource(block, server));
  changed = mapMember(changed, 'contents', (block) => withUri(block, server));
  changed = mapMember(changed, 'messages', (message) => withResourceIn(message, 'content', server));
  // A finished task of 2026-07-28 carries the result it was for.
  const inner = changed['result'];
  if (!isJsonObject(inner)) return changed;
  const told = resultForAgent(inner, server);
  return told === inner ? changed : { ...changed, result: told };
}

/** A notification or a request of a server in the terms of all servers. */
export function callForAgent(message: JsonObject, server: string): JsonObject {
  const { method, params } = message;
  if (!isJsonObject(params)) return message;
  let changed = params;
  if (method === 'notifications/resources/updated') changed = withUri(changed, server);
  if (typeof method === 'string' && method.startsWith('notifications/tasks')) {
    // It is what `tasks/get` would have said.
    changed = resultForAgent(changed, server);
  }
  return changed === params ? message : { ...message, params: changed };
}

/** An item of a list under the name by which all servers know it, or null when it names nothing. */
export function itemForAgent(item: JsonObject, method: string, server: string): JsonObject | null {
  const { name, uri, uriTemplate } = item;
  switch (method) {
    case 'tools/list':
    case 'prompts/list':
      return typeof name === 'string' ? { ...item, name: exposedName({ server, name }) } : null;
    case 'resources/list':
      return typeof uri === 'string' ? { ...item, uri: exposedUri({ server, name: uri }) } : null;
    case 'resources/templates/list':
      return typeof uriTemplate === 'string'
        ? { ...item, uriTemplate: exposedUri({ server, name: uriTemplate }) }
        : null;
    default:
      return item;
  }
}

function withResourceIn(holder: JsonObject, member: string, server: string): JsonObject {
  const block = holder[member];
  if (isJsonArray(block)) return mapMember(holder, member, (each) => withResource(each, server));
  if (!isJsonObject(block)) return holder;
  const changed = withResource(block, server);
  return changed === block ? holder : { ...holder, [member]: changed };
}

function withResource(block: JsonObject, server: string): JsonObject {
  if (block['type'] === 'resource_link') return withUri(block, server);
  if (block['type'] !== 'resource' || !isJsonObject(block['resource'])) return block;
  return { ...block, resource: withUri(block['resource'], server) };
}

function withUri(holder: JsonObject, server: string): JsonObject {
  const { uri } = holder;
  return typeof uri === 'string' ? { ...holder, uri: exposedUri({ server, name: uri }) } : holder;
}

/** The object with each element of an array member changed; the same object when none was. */
function mapMember(
  holder: JsonObject,
  member: string,
  change: (element: JsonObject) => JsonObject,
): JsonObject {
  const elements = holder[member];
  if (!isJsonArray(elements)) return holder;
  const changed = elements.map((element: Json) => (isJsonObject(element) ? change(element) : element));
  return changed.some((element, at) => element !== elements[at]) ? { ...holder, [member]: changed } : holder;
}
