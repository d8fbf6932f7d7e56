-- Values that reverse lookup goes by: of records with a data template, what they store themselves at
-- items marked searchable, and beside the items. Records without such values have no row here.
-- `key` is the beginning of the value in lower case. Written in the transaction of every registration
-- and change.
CREATE TABLE searchable (
    prefix_id integer NOT NULL,
    suffix    text COLLATE "C" NOT NULL,
    index     integer NOT NULL,
    kind      text COLLATE "C" NOT NULL,       -- the value's type in capitals
    key       text COLLATE "C" NOT NULL,
    PRIMARY KEY (prefix_id, suffix, index)
);
CREATE INDEX searchable_key ON searchable (prefix_id, kind, key, suffix);

-- Templates of whose records not all values are in yet: those with records from before the table, and
-- those of which an item was marked searchable later. Their records are looked through one by one
-- until that has been made good.
CREATE TABLE searchable_gap (
    template_id integer PRIMARY KEY,
    generation  integer NOT NULL
);
INSERT INTO searchable_gap (template_id, generation)
    SELECT template_id, generation FROM template WHERE used;
