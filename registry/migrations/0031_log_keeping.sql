-- Which keys sign, as it was last said in the statements log.
ALTER TABLE leaf_key ADD COLUMN signing text[];

-- Batches that the walk through old registrations is to give their leaves.
CREATE TABLE leaf_missing (
    batch_id bigint PRIMARY KEY
);
