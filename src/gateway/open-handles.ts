import { utf8 } from '../kernel/bytes.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import type { Inbound, Message } from '../mcp/message.ts';
import { cursorOwner, type Holder, stateOwner, subjectOf, taskOwner } from './handles.ts';
import type { HandlePorts } from './seal-answer.ts';
import type { StateSeal } from './state-seal.ts';
import type { TaskLedger } from './task-ledger.ts';

const relatedTask = 'io.modelcontextprotocol/related-task';

/**
 * A body with the task ids, request states and cursors that its server gave out, where it has those that were given to
 * this agent (law 5); the same object where it has none. Throws Fault `handle_unknown` for any other.
 */
export function openHandles(
  inbound: Inbound,
  holder: Holder,
  { handles: seal, tasks }: HandlePorts,
): Inbound {
  const key: Key = { holder, seal, tasks };
  const messages = inbound.messages.map((message) => openIn(message, key));
  if (messages.every((message, at) => message === inbound.messages[at])) return inbound;
  const values = messages.map(({ value }) => value);
  return { ...inbound, messages, bytes: utf8(JSON.stringify(inbound.batch ? values : values[0])) };
}

interface Key {
  readonly holder: Holder;
  readonly seal: StateSeal;
  readonly tasks: TaskLedger;
}

function openIn(message: Message, key: Key): Message {
  if (message.kind !== 'request') return openMentions(message, key);
  let { params } = message;
  if (message.method?.startsWith('tasks/') && params['taskId'] !== undefined) {
    params = { ...params, taskId: openTask(params['taskId'], key) };
  }
  if (message.method === 'subscriptions/listen') params = openWish(params, key);
  if (params['_meta'] !== undefined) params = openRelated(params, (sealed) => openTask(sealed, key));
  const { requestState, cursor } = params;
  if (requestState !== undefined) {
    const owner = stateOwner(key.holder, subjectOf({ ...message, params }));
    params = { ...params, requestState: key.seal.open(textOf(requestState), owner)[0] ?? '' };
  }
  if (cursor !== undefined) {
    const owner = cursorOwner(key.holder, message.method ?? '');
    params = { ...params, cursor: key.seal.open(textOf(cursor), owner)[0] ?? '' };
  }
  return params === message.params ? message : { ...message, params, value: { ...message.value, params } };
}

/**
 * A notification or a response does nothing to a task, and the task that it mentions may be one of its client
 * (MCP 2025-11-25, Tasks: either side may have some), which names its own as it likes.
 */
function openMentions(message: Message, key: Key): Message {
  const member = message.kind === 'response' ? 'result' : 'params';
  const held = message.value[member];
  if (!isJsonObject(held)) return message;
  const opened = openRelated(held, (mentioned) => {
    try {
      return openTask(mentioned, key);
    } catch {
      return mentioned ?? null;
    }
  });
  if (opened === held) return message;
  const params = member === 'params' ? { params: opened } : {};
  return { ...message, ...params, value: { ...message.value, [member]: opened } };
}

function openTask(sealed: Json | undefined, { holder, seal, tasks }: Key): string {
  const [server, task] = seal.open(textOf(sealed), taskOwner(holder));
  if (server === holder.server && task !== undefined) {
    // What the server says of it in answer is said to its agent.
    tasks.note(holder, task, textOf(sealed));
    return task;
  }
  throw new Fault('handle_unknown', 'This task is not one of this server.');
}

/** The tasks that a subscription wants to hear of (SEP-2663). */
function openWish(params: JsonObject, key: Key): JsonObject {
  const { notifications } = params;
  const tasks = isJsonObject(notifications) ? notifications['taskIds'] : undefined;
  if (!isJsonObject(notifications) || tasks === undefined) return params;
  const taskIds = isJsonArray(tasks) ? tasks.map((task: Json) => openTask(task, key)) : openTask(tasks, key);
  return { ...params, notifications: { ...notifications, taskIds } };
}

function openRelated(holder: JsonObject, open: (task: Json | undefined) => Json): JsonObject {
  const meta = holder['_meta'];
  if (!isJsonObject(meta) || meta[relatedTask] === undefined) return holder;
  const related = isJsonObject(meta[relatedTask]) ? meta[relatedTask] : {};
  const taskId = open(related['taskId']);
  if (taskId === related['taskId']) return holder;
  return { ...holder, _meta: { ...meta, [relatedTask]: { ...related, taskId } } };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
