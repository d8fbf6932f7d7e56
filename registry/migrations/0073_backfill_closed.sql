-- The walk through registrations from before the log happens once. It is over when every identifier
-- was looked at, and closed, which is stated, when its last leaf stands in the log: from then on no
-- leaf may say that it is from before the log.
ALTER TABLE leaf_backfill ADD COLUMN walked boolean NOT NULL DEFAULT false;
ALTER TABLE leaf_key ADD COLUMN backfill_closed_at timestamptz;
