-- Leaves that the certified log owes its batches, written in the transaction of the registration.
-- 64 bytes each, in the order of the suffixes; only the sequencer deletes rows. A batch from before
-- the log existed gets its leaves in parts.
CREATE TABLE leaf_owed (
    batch_id   bigint  NOT NULL,
    part       integer NOT NULL DEFAULT 0,
    backfilled boolean NOT NULL DEFAULT false,
    leaves     bytea   NOT NULL,
    PRIMARY KEY (batch_id, part)
);
ALTER TABLE leaf_owed ALTER COLUMN leaves SET STORAGE EXTERNAL;  -- random bytes don't compress

-- Entries that the statements log owes, in the order in which they will stand there.
CREATE TABLE statement_owed (
    statement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body         text COLLATE "C" NOT NULL
);

-- K, which all leaves are made with, as it is committed to. One row for the life of the node.
CREATE TABLE leaf_key (
    single     boolean PRIMARY KEY DEFAULT true CHECK (single),
    commitment bytea NOT NULL,
    origin     text COLLATE "C" NOT NULL,      -- the logs' names begin with it
    since      timestamptz NOT NULL DEFAULT now()
);

-- Kind 1 is the statements log, 2 the registrations of one year in Shanghai. A successor has the
-- next generation. Only the sequencer changes size and root.
CREATE TABLE log (
    log_id     smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       smallint NOT NULL CHECK (kind IN (1, 2)),
    year       smallint NOT NULL DEFAULT 0,
    generation smallint NOT NULL DEFAULT 1,
    name       text COLLATE "C" NOT NULL UNIQUE,
    size       bigint   NOT NULL DEFAULT 0,
    root       bytea    NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz,
    UNIQUE (kind, year, generation)
);

-- Tiles by level; level -1 has the entry bundles. A row holds the hashes or entries so far.
CREATE TABLE log_tile (
    log_id  smallint NOT NULL REFERENCES log,
    level   smallint NOT NULL,
    tile    bigint   NOT NULL,
    content bytea    NOT NULL,
    PRIMARY KEY (log_id, level, tile)
);
ALTER TABLE log_tile ALTER COLUMN content SET STORAGE EXTERNAL;

-- Where a batch's leaves stand.
CREATE TABLE log_span (
    batch_id   bigint   NOT NULL,
    part       integer  NOT NULL,
    log_id     smallint NOT NULL REFERENCES log,
    first      bigint   NOT NULL,
    count      integer  NOT NULL,
    PRIMARY KEY (batch_id, part, log_id)
);

-- Checkpoints as they were published: signed and cosigned.
CREATE TABLE log_checkpoint (
    log_id       smallint NOT NULL REFERENCES log,
    size         bigint   NOT NULL,
    note         text COLLATE "C" NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log_id, size)
);

-- How far the leaves of registrations from before the log have been made.
CREATE TABLE leaf_backfill (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    prefix_id integer NOT NULL DEFAULT 0,
    suffix    text COLLATE "C" NOT NULL DEFAULT '',
    page      integer NOT NULL DEFAULT 0,
    leaves    bigint  NOT NULL DEFAULT 0
);
