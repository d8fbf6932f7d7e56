-- Reports on the award. Numbers rise per year and kind; a correction is a new revision of a number.
CREATE TABLE award_number (
    year smallint NOT NULL,
    kind text     NOT NULL,
    last integer  NOT NULL,
    PRIMARY KEY (year, kind)
);

CREATE TABLE award_report (
    report_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number    text        NOT NULL,
    revision  integer     NOT NULL,
    year      smallint    NOT NULL,
    policy    text        NOT NULL,
    kind      text        NOT NULL,
    demo      boolean     NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text        NOT NULL,
    digest    text        NOT NULL,  -- SHA-256 of report.json
    replaces  text,                  -- that of the revision before
    reason    text        NOT NULL,
    total     numeric(15, 2),        -- yuan; NULL: not known
    potential numeric(15, 2) NOT NULL,
    agreement text        NOT NULL,  -- with Prometheus: within, beyond or none
    package   bytea       NOT NULL,
    UNIQUE (number, revision)
);
ALTER TABLE award_report ALTER COLUMN package SET STORAGE EXTERNAL;  -- compressed already
