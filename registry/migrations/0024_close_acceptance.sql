-- What an alarm is about, as data: an operator accepts exactly that, or nothing.
ALTER TABLE close_alarm ADD COLUMN differences jsonb NOT NULL DEFAULT '[]';

-- A day whose sums are not borne out may be closed as it is, when a person answers for it. The
-- differences and the reason stand in the day's statement.
CREATE TABLE close_acceptance (
    day         date        PRIMARY KEY,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    accepted_by text        NOT NULL,
    reason      text        NOT NULL,
    differences jsonb       NOT NULL
);

-- What was accepted is taken into the day's total, so that the days after it are borne out again:
-- total = total of the day before + created + imported + revived - deleted + corrected.
-- `ever_corrected` is the same of all identifiers that ever were.
ALTER TABLE registration_day ADD COLUMN corrected bigint NOT NULL DEFAULT 0;
ALTER TABLE registration_day ADD COLUMN ever_corrected bigint NOT NULL DEFAULT 0;
