import type { Migration } from './migration.ts';

/** The hardware that keys of certificates are in, where a device attested that. */
export const hardware: Migration = {
  version: 14,
  summary: 'the hardware of keys',
  sql: `
    ALTER TABLE certificates ADD COLUMN hardware TEXT CHECK (hardware IS NULL OR json_valid(hardware));
  `,
};
