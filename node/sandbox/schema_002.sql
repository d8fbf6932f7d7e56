-- The last checkpoint of each log that the national node cosigned.
CREATE TABLE checkpoint (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL
);
