import type { Migration } from './migration.ts';

/** Orders to forget what agents have used; a person of no text stands for all of them. */
export const flowOrders: Migration = {
  version: 23,
  summary: 'orders to forget flows',
  sql: `
    CREATE TABLE flow_orders (
      family TEXT NOT NULL,
      person TEXT NOT NULL,
      until  INTEGER NOT NULL,
      PRIMARY KEY (family, person)
    ) STRICT, WITHOUT ROWID;
  `,
};
