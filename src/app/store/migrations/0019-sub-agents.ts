import type { Migration } from './migration.ts';

/** Agents that another agent enrolled. */
export const subAgents: Migration = {
  version: 19,
  summary: 'the parents of agents',
  sql: `
    ALTER TABLE agents ADD COLUMN parent TEXT;
    CREATE INDEX agents_by_parent ON agents (parent) WHERE parent IS NOT NULL;
  `,
};
