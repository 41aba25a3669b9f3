import { openScriptedServer, type Params, type ScriptedServer, tool } from '../journeys/scripted-server.ts';

const task = { taskId: 'raw-task', status: 'working', ttl: 1_000, createdAt: '', lastUpdatedAt: '' };
const asking = { resultType: 'input_required', requestState: 'raw-state' };

function paged(member: string, item: Params) {
  return ({ cursor }: Params): Params => ({
    resultType: 'complete',
    [member]: [item],
    ...(cursor === undefined ? { nextCursor: 'raw-cursor' } : {}),
  });
}

/** A server whose handles are easy to guess, and which asks nobody whose they are. */
export function openDesk(): Promise<ScriptedServer> {
  return openScriptedServer({
    'tools/list': paged('tools', tool('act')),
    'prompts/list': paged('prompts', { name: 'say' }),
    'resources/list': paged('resources', { uri: 'x:one', name: 'one' }),
    'tools/call': ({ name }: Params) =>
      name === 'start' ? { resultType: 'task', task, ...task, requestState: 'raw-state' } : asking,
    'prompts/get': asking,
    'resources/read': asking,
    'tasks/get': { resultType: 'complete', ...task },
    'tasks/update': { resultType: 'complete' },
    'tasks/cancel': { resultType: 'complete', ...task },
    'tasks/result': { content: [] },
    ping: {},
  });
}
