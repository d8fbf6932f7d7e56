-- The journal of resolutions. Every process that answers is a writer from its start to its end; what
-- it noted comes here in pieces, as it stands in its segment files. Position counts a writer's
-- records from 0. Times are nanoseconds since 1970.
CREATE TABLE journal_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sealed   bytea   NOT NULL                  -- what identifiers and clients are hashed with
);

CREATE TABLE journal_writer (
    writer_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host       text        NOT NULL,
    process    integer     NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),  -- its last sign of life, by this server's clock
    watermark  bigint      NOT NULL,           -- all it noted before this time is here
    shipped    bigint      NOT NULL DEFAULT 0, -- records that are here
    counted    bigint      NOT NULL DEFAULT 0, -- records that are in the sums; the keeper's alone
    ended_at   timestamptz                     -- nothing more will come
);
CREATE INDEX journal_writer_open ON journal_writer (writer_id)
    WHERE ended_at IS NULL OR counted < shipped;

CREATE TABLE journal_piece (
    writer_id  integer NOT NULL REFERENCES journal_writer,
    position   bigint  NOT NULL,
    count      integer NOT NULL CHECK (count > 0),
    first_time bigint  NOT NULL,
    last_time  bigint  NOT NULL,
    records    bytea   NOT NULL,
    PRIMARY KEY (writer_id, position)
);
ALTER TABLE journal_piece ALTER COLUMN records SET STORAGE EXTERNAL;
CREATE INDEX journal_piece_time ON journal_piece (last_time);
