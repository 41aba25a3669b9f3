import type { Migration } from './migration.ts';

/** The ACME door: external account keys, accounts, orders, authorizations. Times are epoch milliseconds. */
export const acme: Migration = {
  version: 2,
  summary: 'ACME external account keys, accounts, orders, authorizations',
  sql: `
    CREATE TABLE acme_keys (
      id           TEXT PRIMARY KEY,
      kind         TEXT NOT NULL CHECK (kind IN ('agent', 'server')),
      name         TEXT NOT NULL,
      dns_names    TEXT NOT NULL CHECK (json_valid(dns_names)),
      ip_addresses TEXT NOT NULL CHECK (json_valid(ip_addresses)),
      created_at   INTEGER NOT NULL,
      expires_at   INTEGER NOT NULL,
      used_at      INTEGER,
      created_by   TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE acme_accounts (
      id           TEXT PRIMARY KEY,
      thumbprint   TEXT NOT NULL UNIQUE,
      jwk          TEXT NOT NULL CHECK (json_valid(jwk)),
      contact      TEXT NOT NULL CHECK (json_valid(contact)),
      status       TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
      created_at   INTEGER NOT NULL,
      key_id       TEXT NOT NULL UNIQUE,
      kind         TEXT NOT NULL CHECK (kind IN ('agent', 'server')),
      name         TEXT NOT NULL,
      dns_names    TEXT NOT NULL CHECK (json_valid(dns_names)),
      ip_addresses TEXT NOT NULL CHECK (json_valid(ip_addresses)),
      created_by   TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE acme_orders (
      id          TEXT PRIMARY KEY,
      account_id  TEXT NOT NULL REFERENCES acme_accounts (id),
      status      TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),
      identifiers TEXT NOT NULL CHECK (json_valid(identifiers)),
      created_at  INTEGER NOT NULL,
      expires_at  INTEGER NOT NULL,
      not_after   INTEGER,
      replaces    TEXT,
      key_hash    TEXT,
      serial      TEXT UNIQUE,
      problem     TEXT CHECK (problem IS NULL OR json_valid(problem)),
      CHECK ((status = 'valid') = (serial IS NOT NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX acme_orders_by_account ON acme_orders (account_id, created_at);
    CREATE INDEX acme_orders_by_end ON acme_orders (expires_at);
    CREATE INDEX acme_orders_by_replaced ON acme_orders (replaces) WHERE replaces IS NOT NULL;
    CREATE INDEX acme_orders_under_way ON acme_orders (id) WHERE status = 'processing';

    CREATE TABLE acme_authorizations (
      id           TEXT PRIMARY KEY,
      order_id     TEXT NOT NULL REFERENCES acme_orders (id) ON DELETE CASCADE,
      position     INTEGER NOT NULL,
      account_id   TEXT NOT NULL,
      identifier   TEXT NOT NULL CHECK (json_valid(identifier)),
      status       TEXT NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated')),
      expires_at   INTEGER NOT NULL,
      token        TEXT NOT NULL,
      challenge    TEXT,
      validated_at INTEGER,
      problem      TEXT CHECK (problem IS NULL OR json_valid(problem)),
      CHECK ((validated_at IS NULL) OR challenge IS NOT NULL)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX acme_authorizations_by_order ON acme_authorizations (order_id, position);
    CREATE INDEX acme_authorizations_by_account ON acme_authorizations (account_id, status);
  `,
};
