-- What an identity of a session was proven by: once that is changed, the proof is none any more.
ALTER TABLE wire_session ADD COLUMN proof bytea;

-- Up to version 2.4 a MAC does not cover a message's number, so the MACs themselves are remembered.
CREATE UNLOGGED TABLE wire_session_mac (
    session_id bigint NOT NULL REFERENCES wire_session ON DELETE CASCADE,
    mac        bytea  NOT NULL,  -- its beginning
    PRIMARY KEY (session_id, mac)
);
