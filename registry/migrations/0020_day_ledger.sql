-- Days end at midnight in Asia/Shanghai and are closed in order. Whoever registers or changes holds a
-- shared advisory lock until its transaction ends; who closes a day takes it alone. What is written
-- after that carries a time after the day that was closed, though its transaction began before
-- midnight. Ordinary statements say nothing of this: the defaults do.
CREATE TABLE day_ledger (
    only_row     boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    closed_until timestamptz NOT NULL          -- the end of the last closed day
);
INSERT INTO day_ledger (closed_until)
    SELECT date_trunc('day', coalesce(min(registered_at), now()), 'Asia/Shanghai') FROM batch;

CREATE FUNCTION registration_time() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN (SELECT greatest(now(), closed_until) FROM day_ledger);

ALTER TABLE batch ALTER COLUMN registered_at SET DEFAULT registration_time();
ALTER TABLE revision ALTER COLUMN changed_at SET DEFAULT registration_time();
CREATE INDEX batch_time ON batch (registered_at);
