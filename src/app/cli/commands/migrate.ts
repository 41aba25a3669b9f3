import { resolve } from 'node:path';
import { Fault } from '../../../kernel/fault.ts';
import { createRedactor } from '../../../secrets/redact.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { moveStore } from '../../authority/move-store.ts';
import type { Command } from '../command.ts';

/** `migrate`: moves the state of an authority into another kind of database. */
export const migrateCommand: Command = {
  path: ['migrate'],
  summary: 'Move the state of an authority that does not run from SQLite into PostgreSQL',
  example: 'countersign migrate --from sqlite --store store.yaml',
  flags: [
    {
      name: 'folder',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'the data folder',
      default: '.countersign',
    },
    { name: 'from', kind: 'text', placeholder: 'kind', meaning: 'what it is in now: sqlite' },
    {
      name: 'store',
      kind: 'text',
      placeholder: 'file',
      meaning: 'a store.yaml that names an empty database; it is copied into the data folder',
    },
  ],
  positionals: [],
  async run(context, input) {
    if (input.must('from') !== 'sqlite')
      throw new Fault('usage', '--from takes sqlite: what comes from PostgreSQL is a backup.');
    const { clock, env: environment, say: log } = context;
    const data = dataFolder(resolve(input.must('folder')));
    const redactor = createRedactor(clock);
    const path = resolve(input.must('store'));
    const moved = await moveStore(data, { path }, { clock, environment, redactor, log });
    const full = Object.entries(moved.tables).filter(([, { rows }]) => rows > 0);
    return {
      text: [
        ...full.map(([name, { rows }]) => `${String(rows).padStart(8)} ${name}`),
        `Copied and compared. ${moved.store} says where the state is now; the old one lies in ${moved.kept}.`,
        'Delete that when a backup of the new one is made. Start with: countersign up',
      ].join('\n'),
      json: { store: moved.store, kept: moved.kept, tables: { ...moved.tables } },
    };
  },
};
