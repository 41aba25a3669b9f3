import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { exposedName, exposedUri } from './exposed-names.ts';
import type { SealOwner, StateSeal } from './state-seal.ts';

/** Whose words are put into the terms of all servers, and for whom. */
export interface Wording {
  readonly server: string;
  readonly spiffeId: string;
  readonly seal: StateSeal;
}

/** What a request was about, by the server's own names: a request state opens for the same again only. */
export interface Subject {
  readonly method: string;
  readonly name: string;
}

const relatedTask = 'io.modelcontextprotocol/related-task';

/** The result of a request in the terms of all servers; the same object where nothing has to be changed. */
export function resultForAgent(result: JsonObject, subject: Subject, wording: Wording): JsonObject {
  return sealState(sealTasks(withContents(result, wording), wording), stateSubject(result, subject), wording);
}

function sealState(holder: JsonObject, subject: Subject, wording: Wording): JsonObject {
  const state = holder['requestState'];
  if (typeof state !== 'string') return holder;
  return { ...holder, requestState: wording.seal.seal([state], stateOwner(wording, subject)) };
}

/** SEP-2663: the state that comes with a task goes back with requests about the task, whatever made it. */
function stateSubject({ taskId }: JsonObject, subject: Subject): Subject {
  return typeof taskId === 'string' ? { method: 'tasks/get', name: taskId } : subject;
}

/** For whom a request state is sealed: this agent, this server, the same request again. */
export function stateOwner(
  { spiffeId, server }: Pick<Wording, 'spiffeId' | 'server'>,
  { method, name }: Subject,
): SealOwner {
  // What one method of a task is told, another one of the same task is asked with.
  const act = method.startsWith('tasks/') ? 'tasks' : method;
  return { spiffeId, purpose: 'request-state', of: JSON.stringify([server, act, name]) };
}

/** A notification or a request of a server in the terms of all servers. */
export function callForAgent(message: JsonObject, wording: Wording): JsonObject {
  const { method, params } = message;
  if (!isJsonObject(params)) return message;
  let changed = sealRelatedTask(params, wording);
  if (method === 'notifications/resources/updated') changed = withUri(changed, wording);
  if (typeof method === 'string' && method.startsWith('notifications/tasks')) {
    // It is what `tasks/get` would have said.
    changed = resultForAgent(changed, { method, name: '' }, wording);
  }
  return changed === params ? message : { ...message, params: changed };
}

/** An item of a list under the name by which all servers know it, or null when it names nothing. */
export function itemForAgent(item: JsonObject, method: string, wording: Wording): JsonObject | null {
  const { name, uri, uriTemplate } = item;
  const { server } = wording;
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
    case 'tasks/list':
      return sealTask(item, wording);
    default:
      return item;
  }
}

/** Everything in a result that names a resource: content of tools and prompts, contents of resources. */
function withContents(result: JsonObject, wording: Wording): JsonObject {
  let changed = mapMember(result, 'content', (block) => withResource(block, wording));
  changed = mapMember(changed, 'contents', (block) => withUri(block, wording));
  changed = mapMember(changed, 'messages', (message) => withResourceIn(message, 'content', wording));
  // A finished task of 2026-07-28 carries the result it was for.
  const inner = changed['result'];
  if (!isJsonObject(inner)) return changed;
  const told = withContents(inner, wording);
  return told === inner ? changed : { ...changed, result: told };
}

function withResourceIn(holder: JsonObject, member: string, wording: Wording): JsonObject {
  const block = holder[member];
  if (isJsonArray(block)) return mapMember(holder, member, (each) => withResource(each, wording));
  if (!isJsonObject(block)) return holder;
  const changed = withResource(block, wording);
  return changed === block ? holder : { ...holder, [member]: changed };
}

function withResource(block: JsonObject, wording: Wording): JsonObject {
  if (block['type'] === 'resource_link') return withUri(block, wording);
  if (block['type'] !== 'resource' || !isJsonObject(block['resource'])) return block;
  return { ...block, resource: withUri(block['resource'], wording) };
}

function withUri(holder: JsonObject, { server }: Wording): JsonObject {
  const { uri } = holder;
  return typeof uri === 'string' ? { ...holder, uri: exposedUri({ server, name: uri }) } : holder;
}

function sealTasks(result: JsonObject, wording: Wording): JsonObject {
  const changed = sealRelatedTask(sealTask(result, wording), wording);
  const listed = mapMember(changed, 'tasks', (task) => sealTask(task, wording));
  const { task } = listed;
  return isJsonObject(task) ? { ...listed, task: sealTask(task, wording) } : listed;
}

function sealTask(holder: JsonObject, wording: Wording): JsonObject {
  const { taskId } = holder;
  return typeof taskId === 'string' ? { ...holder, taskId: sealTaskId(taskId, wording) } : holder;
}

/** The id of a task of one server as the agent knows it. */
export function sealTaskId(taskId: string, { server, spiffeId, seal }: Wording): string {
  return seal.seal([server, taskId], { spiffeId, purpose: 'task', of: '' });
}

function sealRelatedTask(holder: JsonObject, wording: Wording): JsonObject {
  const meta = holder['_meta'];
  const related = isJsonObject(meta) ? meta[relatedTask] : null;
  if (!isJsonObject(meta) || !isJsonObject(related)) return holder;
  return { ...holder, _meta: { ...meta, [relatedTask]: sealTask(related, wording) } };
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
