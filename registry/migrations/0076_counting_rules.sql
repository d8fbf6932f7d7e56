-- Rules of counting that the statements log has been told of, each before the first day it holds for.
CREATE TABLE counting_rules (
    digest      text        PRIMARY KEY,  -- SHA-256 of the parameters
    definitions text        NOT NULL,     -- their version
    stated_at   timestamptz NOT NULL DEFAULT now()
);
