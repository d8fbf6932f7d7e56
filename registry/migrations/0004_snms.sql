-- Application identities (应用标识身份): user names and secrets that speak SNMS. Its digest login needs
-- SHA-256 of the secret, which is therefore as good as the secret and stored sealed.
CREATE TABLE application (
    application_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username       text COLLATE "C" NOT NULL UNIQUE CHECK (length(username) BETWEEN 1 AND 50),
    secret         bytea       NOT NULL,       -- SHA-256 of the secret in hexadecimal, sealed
    role           text        NOT NULL CHECK (role IN ('enterprise', 'operator')),
    enterprise_id  integer     REFERENCES enterprise,
    scopes         text[]      NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text        NOT NULL,
    revoked_at     timestamptz,
    last_login_at  timestamptz,
    CHECK ((role = 'enterprise') = (enterprise_id IS NOT NULL))
);
CREATE INDEX application_enterprise ON application (enterprise_id);

-- Tokens in force, so that every process knows them.
CREATE TABLE application_token (
    digest         bytea       PRIMARY KEY,    -- SHA-256 of the token
    application_id integer     NOT NULL REFERENCES application,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX application_token_expiry ON application_token (expires_at);
