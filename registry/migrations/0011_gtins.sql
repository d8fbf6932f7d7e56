-- GTINs (GS1) of an enterprise's products, and which identifiers their Digital Links mean. A link
-- carries a serial number for each item, so what is stored is a pattern and not a row for each.
CREATE TABLE gtin (
    gtin          text COLLATE "C" PRIMARY KEY CHECK (gtin ~ '^[0-9]{14}$'),
    prefix_id     integer     NOT NULL REFERENCES prefix,
    product       text COLLATE "C" NOT NULL,  -- suffix of the product's own identifier
    item          text COLLATE "C",           -- pattern of its items' suffixes, with {serial}
    registered_at timestamptz NOT NULL DEFAULT now(),
    registered_by text        NOT NULL
);
CREATE INDEX gtin_prefix ON gtin (prefix_id, gtin);
