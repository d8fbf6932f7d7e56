-- The keeper is the one process, on whatever host, that does what must be done by one alone.
-- Who it is, an advisory lock decides; this row numbers the terms, so that a transaction of an
-- earlier keeper that has not noticed its end can be told from one of the present keeper's.
CREATE TABLE keeper (
    single                 boolean     PRIMARY KEY DEFAULT true CHECK (single),
    term                   bigint      NOT NULL DEFAULT 0,
    name                   text        NOT NULL DEFAULT '',     -- host and process, for operators
    elected_at             timestamptz NOT NULL DEFAULT now(),
    national_node_answers  boolean     NOT NULL DEFAULT true    -- as the keeper last found it
);
INSERT INTO keeper DEFAULT VALUES;
