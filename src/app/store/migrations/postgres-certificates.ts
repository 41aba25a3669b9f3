/** Certificates, who they are for and how they are come by, as of version 23, for PostgreSQL. Times are epoch milliseconds. */
export const certificateTables = `
    CREATE TABLE certificates (
      serial      TEXT COLLATE "C" PRIMARY KEY,
      name        TEXT COLLATE "C" NOT NULL,
      kind        TEXT COLLATE "C" NOT NULL,
      spiffe_id   TEXT COLLATE "C" NOT NULL,
      state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('reserved', 'issued', 'revoked', 'abandoned')),
      not_before  BIGINT NOT NULL,
      not_after   BIGINT NOT NULL,
      reserved_at BIGINT NOT NULL,
      tbs_hash    TEXT COLLATE "C" NOT NULL,
      der         BYTEA,
      replaces    TEXT COLLATE "C",
      door        TEXT COLLATE "C" NOT NULL,
      revoked_at  BIGINT,
      reason      TEXT COLLATE "C",
      revocation  TEXT COLLATE "C",
      key_hash    TEXT COLLATE "C",
      issuer      TEXT COLLATE "C",
      hardware    TEXT COLLATE "C" CHECK (hardware IS NULL OR hardware::json IS NOT NULL),
      CHECK (state <> 'issued' OR der IS NOT NULL),
      CHECK ((state = 'revoked') = (revoked_at IS NOT NULL))
    );
    CREATE INDEX certificates_by_name ON certificates (name, reserved_at);
    CREATE INDEX certificates_by_reservation ON certificates (reserved_at);
    CREATE INDEX certificates_by_end ON certificates (state, not_after);
    CREATE INDEX certificates_by_key ON certificates (key_hash);
    CREATE INDEX certificates_by_issuer ON certificates (issuer, not_after);
    CREATE INDEX certificates_by_replaced ON certificates (replaces) WHERE replaces IS NOT NULL;

    CREATE TABLE blocked_keys (
      key_hash TEXT COLLATE "C" PRIMARY KEY,
      reason   TEXT COLLATE "C" NOT NULL,
      at       BIGINT NOT NULL
    );

    CREATE TABLE join_tokens (
      id           TEXT COLLATE "C" PRIMARY KEY,
      secret_hash  TEXT COLLATE "C" NOT NULL,
      name         TEXT COLLATE "C" NOT NULL,
      kind         TEXT COLLATE "C" NOT NULL,
      created_at   BIGINT NOT NULL,
      expires_at   BIGINT NOT NULL,
      redeemed_at  BIGINT,
      created_by   TEXT COLLATE "C" NOT NULL,
      dns_names    TEXT COLLATE "C" NOT NULL CHECK (dns_names::json IS NOT NULL),
      ip_addresses TEXT COLLATE "C" NOT NULL CHECK (ip_addresses::json IS NOT NULL),
      batch        TEXT COLLATE "C" CHECK (batch IS NULL OR batch::json IS NOT NULL),
      uses_left    BIGINT NOT NULL DEFAULT 1 CHECK (uses_left >= 0)
    );

    CREATE TABLE batch_names (
      kind  TEXT COLLATE "C" NOT NULL,
      name  TEXT COLLATE "C" NOT NULL,
      token TEXT COLLATE "C" NOT NULL,
      PRIMARY KEY (kind, name)
    );

    CREATE TABLE used_tokens (
      hash    TEXT COLLATE "C" PRIMARY KEY,
      ends_at BIGINT NOT NULL
    );
    CREATE INDEX used_tokens_by_end ON used_tokens (ends_at);

    CREATE TABLE agents (
      name         TEXT COLLATE "C" PRIMARY KEY,
      owner        TEXT COLLATE "C" NOT NULL,
      purpose      TEXT COLLATE "C" NOT NULL,
      roles        TEXT COLLATE "C" NOT NULL CHECK (roles::json IS NOT NULL),
      build_digest TEXT COLLATE "C",
      state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'suspended', 'retired')),
      created_at   BIGINT NOT NULL,
      last_seen    BIGINT,
      device       TEXT COLLATE "C",
      parent       TEXT COLLATE "C"
    );
    CREATE INDEX agents_by_parent ON agents (parent) WHERE parent IS NOT NULL;

    CREATE TABLE role_origins (
      agent   TEXT COLLATE "C" PRIMARY KEY,
      by_hand TEXT COLLATE "C" NOT NULL CHECK (by_hand::json IS NOT NULL),
      derived TEXT COLLATE "C" NOT NULL CHECK (derived::json IS NOT NULL)
    );

    CREATE TABLE servers (
      name       TEXT COLLATE "C" PRIMARY KEY,
      definition TEXT COLLATE "C" NOT NULL CHECK (definition::json IS NOT NULL),
      created_at BIGINT NOT NULL
    );

    CREATE TABLE tools (
      server TEXT COLLATE "C" NOT NULL,
      name   TEXT COLLATE "C" NOT NULL,
      record TEXT COLLATE "C" NOT NULL CHECK (record::json IS NOT NULL),
      PRIMARY KEY (server, name)
    );

    CREATE TABLE partners (
      name   TEXT COLLATE "C" PRIMARY KEY,
      record TEXT COLLATE "C" NOT NULL CHECK (record::json IS NOT NULL)
    );

    CREATE TABLE flow_orders (
      family TEXT COLLATE "C" NOT NULL,
      person TEXT COLLATE "C" NOT NULL,
      until  BIGINT NOT NULL,
      PRIMARY KEY (family, person)
    );

    CREATE TABLE approvals (
      id           TEXT COLLATE "C" PRIMARY KEY,
      name         TEXT COLLATE "C" NOT NULL,
      kind         TEXT COLLATE "C" NOT NULL,
      door         TEXT COLLATE "C" NOT NULL,
      owner        TEXT COLLATE "C" NOT NULL,
      key_hash     TEXT COLLATE "C" NOT NULL,
      dns_names    TEXT COLLATE "C" NOT NULL CHECK (dns_names::json IS NOT NULL),
      ip_addresses TEXT COLLATE "C" NOT NULL CHECK (ip_addresses::json IS NOT NULL),
      address      TEXT COLLATE "C",
      state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'granted', 'refused', 'used')),
      asked_at     BIGINT NOT NULL,
      expires_at   BIGINT NOT NULL,
      decided_at   BIGINT,
      decided_by   TEXT COLLATE "C",
      reason       TEXT COLLATE "C"
    );
    CREATE INDEX approvals_by_key ON approvals (key_hash, asked_at);
    CREATE INDEX approvals_by_state ON approvals (state, expires_at);

    CREATE TABLE call_approvals (
      id             TEXT COLLATE "C" PRIMARY KEY,
      digest         TEXT COLLATE "C" NOT NULL,
      agent          TEXT COLLATE "C" NOT NULL,
      spiffe_id      TEXT COLLATE "C" NOT NULL,
      owner          TEXT COLLATE "C" NOT NULL,
      person         TEXT COLLATE "C",
      client         TEXT COLLATE "C",
      server         TEXT COLLATE "C" NOT NULL,
      method         TEXT COLLATE "C" NOT NULL,
      target         TEXT COLLATE "C" NOT NULL,
      params         TEXT COLLATE "C" NOT NULL CHECK (params::json IS NOT NULL),
      arguments_hash TEXT COLLATE "C" NOT NULL,
      asks           TEXT COLLATE "C" NOT NULL CHECK (asks::json IS NOT NULL),
      policy_version TEXT COLLATE "C" NOT NULL,
      address        TEXT COLLATE "C" NOT NULL,
      gateway        TEXT COLLATE "C" NOT NULL,
      state          TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'granted', 'refused', 'used', 'withdrawn', 'over')),
      asked_at       BIGINT NOT NULL,
      expires_at     BIGINT NOT NULL,
      decided_at     BIGINT,
      decided_by     TEXT COLLATE "C",
      reason         TEXT COLLATE "C",
      used_at        BIGINT
    );
    CREATE UNIQUE INDEX call_approvals_open ON call_approvals (digest) WHERE state IN ('waiting', 'granted', 'refused');
    CREATE INDEX call_approvals_by_state ON call_approvals (state, expires_at);

    CREATE TABLE alerts (
      id              BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      cause           TEXT COLLATE "C" NOT NULL,
      state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'ended', 'resolved')),
      kind            TEXT COLLATE "C" NOT NULL,
      name            TEXT COLLATE "C" NOT NULL,
      serial          TEXT COLLATE "C" NOT NULL,
      ends_at         BIGINT,
      detail          TEXT COLLATE "C" NOT NULL,
      code            TEXT COLLATE "C",
      raised_at       BIGINT NOT NULL,
      changed_at      BIGINT NOT NULL,
      acknowledged_at BIGINT,
      acknowledged_by TEXT COLLATE "C"
    );
    CREATE UNIQUE INDEX alerts_unresolved ON alerts (cause, serial) WHERE state <> 'resolved';

    CREATE TABLE alert_messages (
      sequence BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      id       TEXT COLLATE "C" NOT NULL,
      body     TEXT COLLATE "C" NOT NULL CHECK (body::json IS NOT NULL)
    );

    CREATE TABLE scep_transactions (
      hash     TEXT COLLATE "C" PRIMARY KEY,
      key_hash TEXT COLLATE "C" NOT NULL,
      serial   TEXT COLLATE "C" NOT NULL,
      ends_at  BIGINT NOT NULL
    );
    CREATE INDEX scep_transactions_by_end ON scep_transactions (ends_at);

    CREATE TABLE scep_waiting (
      hash    TEXT COLLATE "C" PRIMARY KEY,
      octets  BYTEA NOT NULL,
      ends_at BIGINT NOT NULL
    );
    CREATE INDEX scep_waiting_by_end ON scep_waiting (ends_at);

    CREATE TABLE acme_keys (
      id           TEXT COLLATE "C" PRIMARY KEY,
      kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('agent', 'server')),
      name         TEXT COLLATE "C" NOT NULL,
      dns_names    TEXT COLLATE "C" NOT NULL CHECK (dns_names::json IS NOT NULL),
      ip_addresses TEXT COLLATE "C" NOT NULL CHECK (ip_addresses::json IS NOT NULL),
      created_at   BIGINT NOT NULL,
      expires_at   BIGINT NOT NULL,
      used_at      BIGINT,
      created_by   TEXT COLLATE "C" NOT NULL
    );

    CREATE TABLE acme_accounts (
      id           TEXT COLLATE "C" PRIMARY KEY,
      thumbprint   TEXT COLLATE "C" NOT NULL UNIQUE,
      jwk          TEXT COLLATE "C" NOT NULL CHECK (jwk::json IS NOT NULL),
      contact      TEXT COLLATE "C" NOT NULL CHECK (contact::json IS NOT NULL),
      status       TEXT COLLATE "C" NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
      created_at   BIGINT NOT NULL,
      key_id       TEXT COLLATE "C" NOT NULL UNIQUE,
      kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('agent', 'server')),
      name         TEXT COLLATE "C" NOT NULL,
      dns_names    TEXT COLLATE "C" NOT NULL CHECK (dns_names::json IS NOT NULL),
      ip_addresses TEXT COLLATE "C" NOT NULL CHECK (ip_addresses::json IS NOT NULL),
      created_by   TEXT COLLATE "C" NOT NULL
    );

    CREATE TABLE acme_orders (
      id          TEXT COLLATE "C" PRIMARY KEY,
      account_id  TEXT COLLATE "C" NOT NULL REFERENCES acme_accounts (id),
      status      TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),
      identifiers TEXT COLLATE "C" NOT NULL CHECK (identifiers::json IS NOT NULL),
      created_at  BIGINT NOT NULL,
      expires_at  BIGINT NOT NULL,
      not_after   BIGINT,
      replaces    TEXT COLLATE "C",
      key_hash    TEXT COLLATE "C",
      serial      TEXT COLLATE "C" UNIQUE,
      problem     TEXT COLLATE "C" CHECK (problem IS NULL OR problem::json IS NOT NULL),
      CHECK ((status = 'valid') = (serial IS NOT NULL))
    );
    CREATE INDEX acme_orders_by_account ON acme_orders (account_id, created_at);
    CREATE INDEX acme_orders_by_end ON acme_orders (expires_at);
    CREATE INDEX acme_orders_by_replaced ON acme_orders (replaces) WHERE replaces IS NOT NULL;
    CREATE INDEX acme_orders_under_way ON acme_orders (id) WHERE status = 'processing';

    CREATE TABLE acme_authorizations (
      id           TEXT COLLATE "C" PRIMARY KEY,
      order_id     TEXT COLLATE "C" NOT NULL REFERENCES acme_orders (id) ON DELETE CASCADE,
      position     BIGINT NOT NULL,
      account_id   TEXT COLLATE "C" NOT NULL,
      identifier   TEXT COLLATE "C" NOT NULL CHECK (identifier::json IS NOT NULL),
      status       TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated')),
      expires_at   BIGINT NOT NULL,
      token        TEXT COLLATE "C" NOT NULL,
      challenge    TEXT COLLATE "C",
      validated_at BIGINT,
      problem      TEXT COLLATE "C" CHECK (problem IS NULL OR problem::json IS NOT NULL),
      attestation  TEXT COLLATE "C" CHECK (attestation IS NULL OR attestation::json IS NOT NULL),
      CHECK ((validated_at IS NULL) OR challenge IS NOT NULL)
    );
    CREATE INDEX acme_authorizations_by_order ON acme_authorizations (order_id, position);
    CREATE INDEX acme_authorizations_by_account ON acme_authorizations (account_id, status);
`;
