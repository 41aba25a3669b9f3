import { Fault } from '../../../kernel/fault.ts';
import type { ServerDefinition } from '../../../upstream/server-definition.ts';
import type { Connection } from '../connection.ts';
import type { ServerRecords } from '../server-records.ts';
import { all, exists, one, run, type Work } from '../work.ts';

const select = 'SELECT definition FROM servers WHERE name = ?';

/** The MCP servers of the store. */
export function serverRecords({ read, write }: Connection): ServerRecords {
  return {
    put: (definition, createdAt, options) =>
      write(function* (note) {
        const { name } = definition;
        const known = yield* exists(select, name);
        if (known && options?.replace !== true) {
          throw new Fault(
            'conflict',
            `A server named ${name} exists already. Choose another name, or give --replace.`,
          );
        }
        const text = JSON.stringify(definition);
        if (known) yield* run('UPDATE servers SET definition = ? WHERE name = ?', text, name);
        else
          yield* run(
            'INSERT INTO servers (name, definition, created_at) VALUES (?, ?, ?)',
            name,
            text,
            createdAt,
          );
        note({ kind: 'server', key: name, value: definition });
      }),
    find: (name) => read(() => one(toDefinition, select, name)),
    list: () => read(listServers),
    remove: (name) =>
      write(function* (note) {
        if ((yield* run('DELETE FROM servers WHERE name = ?', name)) === 0) return false;
        note({ kind: 'server', key: name, value: null });
        return true;
      }),
  };
}

/** All servers in name order. */
export function listServers(): Work<ServerDefinition[]> {
  return all(toDefinition, 'SELECT definition FROM servers ORDER BY name');
}

function toDefinition({ definition }: { readonly definition: string }): ServerDefinition {
  return JSON.parse(definition) as ServerDefinition;
}
