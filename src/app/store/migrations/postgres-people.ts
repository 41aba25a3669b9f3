/** People, what they granted, facts and the order of changes, as of version 23, for PostgreSQL. Times are epoch milliseconds. */
export const peopleTables = `
    CREATE TABLE people (
      person           TEXT COLLATE "C" PRIMARY KEY,
      provider         TEXT COLLATE "C",
      issuer           TEXT COLLATE "C",
      subject          TEXT COLLATE "C",
      claims           TEXT COLLATE "C" CHECK (claims IS NULL OR claims::json IS NOT NULL),
      login_at         BIGINT,
      authenticated_at BIGINT,
      revoked_at       BIGINT,
      display_name     TEXT COLLATE "C",
      groups           TEXT COLLATE "C" NOT NULL DEFAULT '[]' CHECK (groups::json IS NOT NULL),
      state            TEXT COLLATE "C" NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
      added_at         BIGINT,
      CHECK ((subject IS NULL) = (login_at IS NULL))
    );
    CREATE INDEX people_account ON people (issuer, subject) WHERE subject IS NOT NULL;

    CREATE TABLE passkeys (
      id            TEXT COLLATE "C" PRIMARY KEY,
      person        TEXT COLLATE "C" NOT NULL REFERENCES people (person),
      host          TEXT COLLATE "C" NOT NULL,
      public_key    BYTEA NOT NULL,
      counter       BIGINT NOT NULL,
      transports    TEXT COLLATE "C" NOT NULL CHECK (transports::json IS NOT NULL),
      may_be_copied BIGINT NOT NULL CHECK (may_be_copied IN (0, 1)),
      is_copied     BIGINT NOT NULL CHECK (is_copied IN (0, 1)),
      created_at    BIGINT NOT NULL,
      last_used_at  BIGINT
    );
    CREATE INDEX passkeys_of ON passkeys (person);

    CREATE TABLE invitations (
      hash       TEXT COLLATE "C" PRIMARY KEY,
      person     TEXT COLLATE "C",
      created_by TEXT COLLATE "C" NOT NULL,
      created_at BIGINT NOT NULL,
      expires_at BIGINT NOT NULL
    );
    CREATE UNIQUE INDEX invitation_of ON invitations (coalesce(person, ''));

    CREATE TABLE browser_sessions (
      hash             TEXT COLLATE "C" PRIMARY KEY,
      person           TEXT COLLATE "C" NOT NULL,
      authenticated_at BIGINT NOT NULL,
      expires_at       BIGINT NOT NULL,
      provider         TEXT COLLATE "C",
      sid              TEXT COLLATE "C",
      acr              TEXT COLLATE "C" DEFAULT 'phr',
      amr              TEXT COLLATE "C" NOT NULL DEFAULT '["pop","user"]' CHECK (amr::json IS NOT NULL)
    );
    CREATE INDEX browser_sessions_of ON browser_sessions (person);
    CREATE INDEX browser_sessions_at ON browser_sessions (provider, sid) WHERE sid IS NOT NULL;

    CREATE TABLE consents (
      person      TEXT COLLATE "C" NOT NULL,
      key         TEXT COLLATE "C" NOT NULL,
      client      TEXT COLLATE "C" NOT NULL,
      client_name TEXT COLLATE "C",
      redirect    TEXT COLLATE "C" NOT NULL,
      scopes      TEXT COLLATE "C" NOT NULL CHECK (scopes::json IS NOT NULL),
      resources   TEXT COLLATE "C" NOT NULL CHECK (resources::json IS NOT NULL),
      given_at    BIGINT NOT NULL,
      expires_at  BIGINT NOT NULL,
      PRIMARY KEY (person, key)
    );

    CREATE TABLE oauth_entries (
      model       TEXT COLLATE "C" NOT NULL,
      id          TEXT COLLATE "C" NOT NULL,
      sealed      TEXT COLLATE "C" NOT NULL,
      grant_id    TEXT COLLATE "C",
      uid         TEXT COLLATE "C",
      user_code   TEXT COLLATE "C",
      person      TEXT COLLATE "C",
      client      TEXT COLLATE "C",
      agent       TEXT COLLATE "C",
      replaces    TEXT COLLATE "C",
      created_at  BIGINT NOT NULL,
      expires_at  BIGINT,
      consumed_at BIGINT,
      retried_at  BIGINT,
      PRIMARY KEY (model, id)
    );
    CREATE INDEX oauth_entries_grant ON oauth_entries (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX oauth_entries_uid ON oauth_entries (model, uid) WHERE uid IS NOT NULL;
    CREATE INDEX oauth_entries_user_code ON oauth_entries (model, user_code) WHERE user_code IS NOT NULL;
    CREATE INDEX oauth_entries_end ON oauth_entries (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX oauth_entries_replaces ON oauth_entries (replaces) WHERE replaces IS NOT NULL;
    CREATE INDEX oauth_entries_person ON oauth_entries (person) WHERE person IS NOT NULL;
    CREATE INDEX oauth_entries_agent ON oauth_entries (agent) WHERE agent IS NOT NULL;

    CREATE TABLE oauth_keys (
      kid        TEXT COLLATE "C" PRIMARY KEY,
      public_jwk TEXT COLLATE "C" NOT NULL CHECK (public_jwk::json IS NOT NULL),
      sealed     TEXT COLLATE "C" NOT NULL,
      created_at BIGINT NOT NULL,
      retired_at BIGINT
    );
    CREATE UNIQUE INDEX oauth_keys_signing ON oauth_keys ((retired_at IS NULL)) WHERE retired_at IS NULL;

    CREATE TABLE issued_tokens (
      id         TEXT COLLATE "C" PRIMARY KEY,
      grant_id   TEXT COLLATE "C" NOT NULL,
      client     TEXT COLLATE "C" NOT NULL,
      agent      TEXT COLLATE "C",
      person     TEXT COLLATE "C",
      resource   TEXT COLLATE "C" NOT NULL,
      scopes     TEXT COLLATE "C" NOT NULL CHECK (scopes::json IS NOT NULL),
      binding    TEXT COLLATE "C" NOT NULL CHECK (binding IN ('mtls', 'dpop', 'bearer')),
      grant_type TEXT COLLATE "C" NOT NULL,
      issued_at  BIGINT NOT NULL,
      expires_at BIGINT NOT NULL
    );
    CREATE INDEX issued_tokens_end ON issued_tokens (expires_at);
    CREATE INDEX issued_tokens_person ON issued_tokens (person) WHERE person IS NOT NULL;
    CREATE INDEX issued_tokens_agent ON issued_tokens (agent) WHERE agent IS NOT NULL;

    CREATE TABLE token_ends (
      kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('token', 'grant', 'person', 'agent')),
      key          TEXT COLLATE "C" NOT NULL,
      issued_until BIGINT NOT NULL,
      until        BIGINT NOT NULL,
      PRIMARY KEY (kind, key)
    );

    CREATE TABLE meta (
      name  TEXT COLLATE "C" PRIMARY KEY,
      value TEXT COLLATE "C" NOT NULL
    );

    CREATE TABLE changes (
      sequence BIGINT PRIMARY KEY,
      at       BIGINT NOT NULL,
      kind     TEXT COLLATE "C" NOT NULL,
      key      TEXT COLLATE "C" NOT NULL,
      value    TEXT COLLATE "C"
    );

    -- The number of the last change. A row and not a sequence: it goes with its transaction, so that no number is left out.
    CREATE TABLE change_number (
      single BOOLEAN PRIMARY KEY DEFAULT true CHECK (single),
      last BIGINT NOT NULL
    );
    INSERT INTO change_number (last) VALUES (0);

    -- The last write of each process that writes, by which it knows whether the database has kept it.
    CREATE TABLE writers (
      id     TEXT COLLATE "C" PRIMARY KEY,
      number BIGINT NOT NULL,
      at     BIGINT NOT NULL
    );
`;
