-- Sums over the journal. They change in the transaction that moves the positions of what is in them,
-- so whatever is killed, nothing is in them twice. Only the keeper writes here.
CREATE TABLE count_state (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    open_day      date    NOT NULL,            -- the one after the last that was closed
    counted_until bigint  NOT NULL             -- nanoseconds since 1970: everything older is counted
);
INSERT INTO count_state (open_day, counted_until)
    SELECT (closed_until AT TIME ZONE 'Asia/Shanghai')::date,
           (extract(epoch FROM closed_until) * 1000000000)::bigint
      FROM day_ledger;

-- Requests by what became of them: `reason` is a member of metrics.counting.reason, and a request is
-- under exactly one. Days are Shanghai's. Prefix 0 stands for all that do not live here.
CREATE TABLE resolution_hour (
    day       date     NOT NULL,
    hour      smallint NOT NULL,
    prefix_id integer  NOT NULL,
    reason    smallint NOT NULL,
    requests  bigint   NOT NULL,
    PRIMARY KEY (day, hour, prefix_id, reason)
);

-- The same over all time: what Prometheus sees, since it never goes back.
CREATE TABLE resolution_total (
    reason   smallint PRIMARY KEY,
    requests bigint   NOT NULL
);

-- Who asked, per prefix and day. `answered` are external requests found and answered.
CREATE TABLE resolution_source (
    day       date    NOT NULL,
    prefix_id integer NOT NULL,
    address   inet    NOT NULL,
    requests  bigint  NOT NULL,
    answered  bigint  NOT NULL,
    counted   bigint  NOT NULL,
    PRIMARY KEY (day, prefix_id, address)
);

-- Identifiers that were counted at least once, by the first eight bytes of the journal's hash.
CREATE TABLE resolved_identifier (
    prefix_id integer NOT NULL,
    digest    bigint  NOT NULL,
    first_day date    NOT NULL,
    PRIMARY KEY (prefix_id, digest)
);

-- Closed days. `positions` is where each writer's journal stood, and with the close before says which
-- records are this day's; `journal_hash` is over those.
CREATE TABLE day_close (
    day            date        PRIMARY KEY,
    closed_at      timestamptz NOT NULL DEFAULT now(),
    positions      jsonb       NOT NULL,
    records        bigint      NOT NULL,
    journal_hash   bytea       NOT NULL,
    prefixes_new   integer     NOT NULL,       -- enterprise prefixes that became active this day
    prefixes_total integer     NOT NULL,
    salt           bytea       NOT NULL,       -- of the hash over the lines of the prefixes
    prefixes_hash  bytea       NOT NULL,
    packed_at      timestamptz                 -- its journal was compressed
);

-- Registrations per prefix and closed day. total = total of the day before + created + imported
-- + revived - deleted, which is checked against the records themselves before the row is written.
CREATE TABLE registration_day (
    day       date    NOT NULL REFERENCES day_close,
    prefix_id integer NOT NULL,
    created   bigint  NOT NULL,
    imported  bigint  NOT NULL,
    revived   bigint  NOT NULL,
    deleted   bigint  NOT NULL,
    total     bigint  NOT NULL,
    gone      bigint  NOT NULL,                -- deleted less revived, of those new in the same year
    PRIMARY KEY (day, prefix_id)
);
CREATE TABLE registration_method (
    day       date     NOT NULL REFERENCES day_close,
    prefix_id integer  NOT NULL,
    method    smallint NOT NULL,
    created   bigint   NOT NULL,
    PRIMARY KEY (day, prefix_id, method)
);

-- A close that the sums do not bear out: it stands until they do, or a person has looked.
CREATE TABLE close_alarm (
    alarm_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day       date        NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    detail    text        NOT NULL,
    ended_at  timestamptz
);
CREATE UNIQUE INDEX close_alarm_open ON close_alarm (day) WHERE ended_at IS NULL;

-- Years whose journals may go after 180 days: the award was paid and audited.
CREATE TABLE journal_release (
    year        smallint    PRIMARY KEY,
    released_at timestamptz NOT NULL DEFAULT now(),
    released_by text        NOT NULL
);

-- A settled writer has ended, and all its records are in closed days.
ALTER TABLE journal_writer ADD COLUMN settled boolean NOT NULL DEFAULT false;
CREATE INDEX journal_writer_unsettled ON journal_writer (writer_id) WHERE NOT settled;
DROP INDEX journal_writer_open;
ALTER TABLE journal_piece ADD COLUMN packed boolean NOT NULL DEFAULT false;
