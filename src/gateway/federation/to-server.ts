import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { type RealName, realUri } from './exposed-names.ts';
import { NameFault } from './name-fault.ts';
import { type Subject, taskOwner } from '../handles.ts';
import type { StateSeal } from '../state-seal.ts';

/** A request in the server's own words, and whose it is. */
export interface Addressed {
  readonly server: string;
  readonly message: JsonObject;
  readonly subject: Subject;
}

/** What is needed to find out whom a request is for. */
export interface Directory {
  readonly party: string;
  readonly seal: StateSeal;
  /** The servers that are offered together. */
  readonly offers: (server: string) => boolean;
  /** The tool or prompt behind a name. Rejects with Fault `name_unknown` or `name_refused`. */
  readonly resolve: (kind: 'tool' | 'prompt', exposed: string) => Promise<RealName>;
}

/** The methods that are for the one server whose thing they name. */
export function isForOne(method: string | null): boolean {
  return method !== null && Object.hasOwn(named, method);
}

/**
 * A request that names a thing of one server, in that server's own words: names and URIs are its own again; what is
 * sealed is opened on the road to the server. Throws Fault `name_unknown`, `name_refused` or `handle_unknown`.
 */
export async function address(message: Message, directory: Directory): Promise<Addressed> {
  const { method } = message;
  const find = method !== null && Object.hasOwn(named, method) ? named[method] : undefined;
  if (!find || method === null) throw new Fault('internal', `${method} is not for one server.`);
  const { server, name, params } = await find(message.params, directory);
  if (!directory.offers(server)) throw unknownName(name);
  const subject = { method, name };
  return { server, subject, message: { ...message.value, params } };
}

/** Names the server, the thing in its own words, and the parameters that say so. */
type Find = (
  params: JsonObject,
  directory: Directory,
) => (RealName & { readonly params: JsonObject }) | Promise<RealName & { readonly params: JsonObject }>;

const byName =
  (kind: 'tool' | 'prompt'): Find =>
  async (params, directory) => {
    const real = await directory.resolve(kind, textOf(params['name']));
    return { ...real, params: { ...params, name: real.name } };
  };

const byUri: Find = (params) => {
  const real = uriOf(params['uri']);
  return { ...real, params: { ...params, uri: real.name } };
};

const byTask: Find = (params, directory) => {
  const sealed = params['taskId'];
  return { server: serverOfTask(sealed, directory), name: textOf(sealed), params };
};

const byReference: Find = async (params, directory) => {
  const ref = isJsonObject(params['ref']) ? params['ref'] : {};
  if (ref['type'] === 'ref/resource') {
    const real = uriOf(ref['uri']);
    return { ...real, params: { ...params, ref: { ...ref, uri: real.name } } };
  }
  const real = await directory.resolve('prompt', textOf(ref['name']));
  return { ...real, params: { ...params, ref: { ...ref, name: real.name } } };
};

const named: Readonly<Record<string, Find>> = {
  'tools/call': byName('tool'),
  'prompts/get': byName('prompt'),
  'resources/read': byUri,
  'resources/subscribe': byUri,
  'resources/unsubscribe': byUri,
  'completion/complete': byReference,
  'tasks/get': byTask,
  'tasks/update': byTask,
  'tasks/cancel': byTask,
  'tasks/result': byTask,
};

/** The tasks of a wish to hear of tasks, by server. Throws Fault `handle_unknown` for one that is not this agent's. */
export function tasksByServer(
  tasks: Json | undefined,
  owner: Pick<Directory, 'party' | 'seal'>,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const sealed of isJsonArray(tasks) ? tasks : []) {
    const server = serverOfTask(sealed, owner);
    found.set(server, [...(found.get(server) ?? []), textOf(sealed)]);
  }
  return found;
}

/** The URIs of a wish to hear of resources, by server; what no server can have is left out. */
export function urisByServer(uris: Json | undefined): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const uri of isJsonArray(uris) ? uris : []) {
    const real = typeof uri === 'string' ? realUri(uri) : null;
    if (real) found.set(real.server, [...(found.get(real.server) ?? []), real.name]);
  }
  return found;
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function uriOf(uri: Json | undefined): RealName {
  const real = realUri(textOf(uri));
  if (!real) throw unknownName(textOf(uri));
  return real;
}

/** Where a task runs; its id stays sealed until the road to that server opens it. */
function serverOfTask(sealed: Json | undefined, { party, seal }: Pick<Directory, 'party' | 'seal'>): string {
  const [server = ''] = seal.open(textOf(sealed), taskOwner({ party }));
  return server;
}

export function unknownName(name: string): NameFault {
  return new NameFault(
    'name_unknown',
    `No MCP server of this agent offers ${JSON.stringify(name.slice(0, 120))}. List again for what there is.`,
  );
}
