-- Identifiers that were counted, each once a year: how many different ones a year had, and which of
-- its new ones. What is here so far says only when an identifier was first counted of all, so a year
-- under way lacks those of its identifiers that were counted in an earlier one already, until they
-- are counted again.
ALTER TABLE resolved_identifier ADD COLUMN year smallint;
UPDATE resolved_identifier SET year = date_part('year', first_day);
ALTER TABLE resolved_identifier ALTER COLUMN year SET NOT NULL;
ALTER TABLE resolved_identifier DROP CONSTRAINT resolved_identifier_pkey;
ALTER TABLE resolved_identifier ADD PRIMARY KEY (year, prefix_id, digest);

-- Rows come in order of their days, so this says in a few kilobytes which pages have a day's: they
-- are counted at its close, and taken out again where it is summed up anew.
CREATE INDEX resolved_identifier_day ON resolved_identifier USING brin (first_day)
    WITH (pages_per_range = 32);

-- Different identifiers that were counted on this day for the first time in its year.
ALTER TABLE day_close ADD COLUMN identifiers bigint NOT NULL DEFAULT 0;
UPDATE day_close d SET identifiers = found.number
  FROM (SELECT first_day, count(*) AS number FROM resolved_identifier GROUP BY first_day) AS found
 WHERE found.first_day = d.day;
