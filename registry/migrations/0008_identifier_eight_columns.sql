-- Eight columns, so that a row's null bitmap is one byte and its header ends at 24 bytes instead of
-- 32. `status` is gone: a withdrawn record's revision is negative. A dropped column would still
-- count, so the table is written anew, its index packed full.
ALTER TABLE identifier RENAME TO identifier_before;
ALTER INDEX identifier_pkey RENAME TO identifier_before_pkey;

CREATE TABLE identifier (
    batch_id       bigint   NOT NULL,
    prefix_id      integer  NOT NULL,
    revision       integer  NOT NULL DEFAULT 1 CHECK (revision <> 0),
    template_id    integer,
    suffix         text COLLATE "C" NOT NULL,
    suffix_shown   text COLLATE "C",
    public_values  text COLLATE "C",
    private_values bytea
);
INSERT INTO identifier (batch_id, prefix_id, revision, template_id, suffix, suffix_shown,
                        public_values, private_values)
SELECT batch_id, prefix_id, CASE status WHEN 0 THEN -revision ELSE revision END, template_id,
       suffix, suffix_shown, public_values, private_values
  FROM identifier_before;
ALTER TABLE identifier ADD CONSTRAINT identifier_pkey PRIMARY KEY (prefix_id, suffix);

-- Indexes that the table had beside its key come along.
DO $$
DECLARE
    definition text;
    definitions text[] := ARRAY(
        SELECT regexp_replace(indexdef, ' ON \S*identifier_before ', ' ON identifier ')
          FROM pg_indexes
         WHERE schemaname = current_schema() AND tablename = 'identifier_before'
           AND indexname <> 'identifier_before_pkey');
BEGIN
    DROP TABLE identifier_before;
    FOREACH definition IN ARRAY definitions LOOP
        EXECUTE definition;
    END LOOP;
END $$;
