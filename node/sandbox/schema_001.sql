-- Every act on a prefix ever filed, in order; rows are added, and changed only by a review.
CREATE TABLE filing (
    number        INTEGER PRIMARY KEY,  -- the filing's identity towards the secondary node
    prefix        TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    act           TEXT NOT NULL CHECK (act IN ('file', 'delete')),
    app_id        TEXT NOT NULL,
    body          BLOB NOT NULL,        -- the PrefixFiling as JSON; for a deletion the one deleted
    filed_at      REAL NOT NULL,        -- unix seconds, as the others
    due_at        REAL NOT NULL,        -- when the review ends
    verdict       TEXT NOT NULL CHECK (verdict IN ('approved', 'rejected')),
    reason        TEXT NOT NULL,
    superseded_at REAL,                 -- a later act came before the review ended
    UNIQUE (prefix, revision, act)
) STRICT;

CREATE TABLE nonce (
    app_id  TEXT NOT NULL,
    nonce   TEXT NOT NULL,
    used_at REAL NOT NULL,
    PRIMARY KEY (app_id, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX nonce_used_at ON nonce (used_at);
