-- Daily statistics that the receiving bureau has a receipt for.
CREATE TABLE statistics (
    node    TEXT NOT NULL,
    day     TEXT NOT NULL,
    sha256  TEXT NOT NULL,
    receipt TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (node, day)
) STRICT, WITHOUT ROWID;
