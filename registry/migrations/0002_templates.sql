-- Data templates (数据模板). Records that use one store only what differs from it, so a row here may
-- decide what a hundred million records resolve to: `generation` grows with each change, and what
-- each generation said is kept. A deleted template stays for the history of its former records.
CREATE TABLE template (
    template_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix_id         integer     NOT NULL REFERENCES prefix,
    version           text COLLATE "C" NOT NULL CHECK (length(version) BETWEEN 1 AND 128),
    generation        integer     NOT NULL DEFAULT 1,
    type              smallint    NOT NULL CHECK (type IN (1, 2)),
    industry_category text        NOT NULL DEFAULT '',
    industry_specific text        NOT NULL DEFAULT '',
    industry_trade    text        NOT NULL DEFAULT '',
    industry_subclass text        NOT NULL DEFAULT '',
    description       text        NOT NULL DEFAULT '',
    items             jsonb       NOT NULL,
    used              boolean     NOT NULL DEFAULT false,  -- some record has or had it
    created_at        timestamptz NOT NULL DEFAULT now(),
    created_by        text        NOT NULL,
    changed_at        timestamptz NOT NULL DEFAULT now(),
    changed_by        text        NOT NULL,
    deleted_at        timestamptz
);
CREATE UNIQUE INDEX template_version ON template (prefix_id, version) WHERE deleted_at IS NULL;

CREATE TABLE template_generation (
    template_id integer     NOT NULL REFERENCES template,
    generation  integer     NOT NULL,
    items       jsonb       NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text        NOT NULL,
    PRIMARY KEY (template_id, generation)
);

-- An enterprise that may read the granted items of a prefix's records, or of one template's.
CREATE TABLE item_grant (
    grant_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix_id     integer     NOT NULL REFERENCES prefix,
    template_id   integer     REFERENCES template,   -- NULL: whatever the template
    enterprise_id integer     NOT NULL REFERENCES enterprise,
    expires_at    timestamptz,
    granted_at    timestamptz NOT NULL DEFAULT now(),
    granted_by    text        NOT NULL
);
CREATE INDEX item_grant_reader ON item_grant (prefix_id, enterprise_id);

-- No foreign keys here: each would be checked row by row. Who registers locks the template once per
-- transaction, and templates are never removed. With a template, `public_values` is NULL where it
-- gives every value that anyone may read.
ALTER TABLE identifier ADD COLUMN template_id integer;
ALTER TABLE revision ADD COLUMN template_before integer;

-- As `:url` in a template's pattern encodes: every byte but the unreserved ones of RFC 3986.
CREATE FUNCTION percent_encoded(plain text) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN CASE WHEN plain ~ '^[A-Za-z0-9._~-]*$' COLLATE "C" THEN plain ELSE (
    SELECT string_agg(CASE WHEN byte < 128 AND chr(byte) ~ '[A-Za-z0-9._~-]' COLLATE "C"
                           THEN chr(byte)
                           ELSE '%' || upper(lpad(to_hex(byte), 2, '0')) END,
                      '' ORDER BY place)
      FROM (SELECT place, get_byte(convert_to(plain, 'UTF8'), place) AS byte
              FROM generate_series(0, octet_length(plain) - 1) AS place) AS bytes) END;
