import type { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../../kernel/fault.ts';
import type { ServerDefinition } from '../../../upstream/server-definition.ts';
import type { ServerRecords } from '../server-records.ts';
import type { Connection } from './connection.ts';

/** The MCP servers of the store. */
export function serverRecords(connection: Connection): ServerRecords {
  const { database, read, write } = connection;
  const insert = database.prepare('INSERT INTO servers (name, definition, created_at) VALUES (?, ?, ?)');
  const update = database.prepare('UPDATE servers SET definition = ? WHERE name = ?');
  const remove = database.prepare('DELETE FROM servers WHERE name = ?');
  const select = database.prepare('SELECT definition FROM servers WHERE name = ?');
  return {
    put: (definition, createdAt, options) =>
      write((note) => {
        const { name } = definition;
        const exists = select.get(name) !== undefined;
        if (exists && options?.replace !== true) {
          throw new Fault(
            'conflict',
            `A server named ${name} exists already. Choose another name, or give --replace.`,
          );
        }
        const text = JSON.stringify(definition);
        if (exists) update.run(text, name);
        else insert.run(name, text, createdAt);
        note({ kind: 'server', key: name, value: definition });
      }),
    find: (name) =>
      read(() => {
        const row = select.get(name);
        return row ? toDefinition(row) : null;
      }),
    list: () => read(() => listServers(database)),
    remove: (name) =>
      write((note) => {
        if (remove.run(name).changes === 0) return false;
        note({ kind: 'server', key: name, value: null });
        return true;
      }),
  };
}

/** All servers in name order. */
export function listServers(database: DatabaseSync): ServerDefinition[] {
  return database.prepare('SELECT definition FROM servers ORDER BY name').all().map(toDefinition);
}

function toDefinition(row: object): ServerDefinition {
  return JSON.parse((row as { readonly definition: string }).definition) as ServerDefinition;
}
