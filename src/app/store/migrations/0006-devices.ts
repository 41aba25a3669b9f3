import type { Migration } from './migration.ts';

/** The device that an agent runs on. */
export const devices: Migration = {
  version: 6,
  summary: 'devices of agents',
  sql: `
    ALTER TABLE agents ADD COLUMN device TEXT;
  `,
};
