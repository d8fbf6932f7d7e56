-- Handshakes of the Handle wire protocol. A client may answer a challenge on another connection, so
-- in another process or on another host. What is lost with an unlogged table is asked for again.
CREATE UNLOGGED TABLE wire_challenge (
    session_id bigint      PRIMARY KEY,
    client     bytea       NOT NULL,  -- keyed hash of the address, to bound how many it leaves open
    nonce      bytea       NOT NULL,
    request    bytea       NOT NULL,  -- the message that was challenged, sealed
    expires_at timestamptz NOT NULL
);
CREATE INDEX wire_challenge_client ON wire_challenge (client);
CREATE INDEX wire_challenge_expires ON wire_challenge (expires_at);

CREATE UNLOGGED TABLE wire_session (
    session_id bigint      PRIMARY KEY,
    client     bytea       NOT NULL,
    key        bytea       NOT NULL,  -- sealed
    identity   text,                  -- index:handle, once it has been proven
    seconds    integer     NOT NULL,
    expires_at timestamptz NOT NULL,
    highest    bigint      NOT NULL DEFAULT 0,  -- message number, and which of the 63 below it came
    window_63  bigint      NOT NULL DEFAULT 0
);
CREATE INDEX wire_session_client ON wire_session (client);
CREATE INDEX wire_session_expires ON wire_session (expires_at);

-- The key that signs answers which clients want certified; all hosts sign with the same.
CREATE TABLE wire_server_key (
    key_id     integer     PRIMARY KEY DEFAULT 1 CHECK (key_id = 1),
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
