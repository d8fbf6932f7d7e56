-- A writer is known by its number and a random word: a database put back from a backup gives numbers
-- out again, and a folder that was left under one must not be taken for its new holder's.
ALTER TABLE journal_writer ADD COLUMN nonce text NOT NULL DEFAULT '';

-- What comes late has its day summed up anew, which can take from one reason and give to another. A
-- counter must never go back: Prometheus is told the most that each sum has been.
ALTER TABLE resolution_total ADD COLUMN most bigint NOT NULL DEFAULT 0;
UPDATE resolution_total SET most = requests;
