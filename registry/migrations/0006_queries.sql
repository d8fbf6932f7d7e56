-- What queries go by beside the key. Registrations come in order of their batches, so a few kilobytes
-- say which pages of the table can have rows of some batches, or of a template. Nothing is added to
-- a row: a B-tree on the template took 6.5 bytes of each.
CREATE INDEX identifier_lot ON identifier
    USING brin (batch_id int8_minmax_multi_ops, template_id int4_minmax_multi_ops)
    WITH (pages_per_range = 32);
-- Withdrawn records are looked for among those that ever were.
CREATE INDEX revision_withdrawn ON revision (prefix_id, suffix) WHERE action = 2;

-- Identifiers brought over from another node, and when they were first registered there. The time of
-- their batch is that of the import. Ordinary identifiers have no row here.
CREATE TABLE imported (
    prefix_id     integer     NOT NULL,
    suffix        text COLLATE "C" NOT NULL,
    registered_at timestamptz NOT NULL,
    PRIMARY KEY (prefix_id, suffix)
);
CREATE INDEX imported_time ON imported (prefix_id, registered_at);

-- Where the identifiers of an import's batch came from. `created` of such a batch counts imported
-- identifiers: they are new here, and never new registrations.
CREATE TABLE import_batch (
    batch_id bigint PRIMARY KEY,
    node     text   NOT NULL
);

CREATE OR REPLACE VIEW audit_trail AS
    SELECT at, actor, action, subject, detail, request_id FROM audit
    UNION ALL
    SELECT b.registered_at, b.actor,
           CASE b.method WHEN 6 THEN 'identifiers.imported' ELSE 'identifiers.registered' END,
           p.prefix,
           CASE b.method WHEN 6
                THEN jsonb_build_object('batch', b.batch_id, 'imported', b.created, 'from', o.node)
                ELSE jsonb_build_object('batch', b.batch_id, 'created', b.created) END,
           b.request_id
      FROM batch b JOIN prefix p USING (prefix_id) LEFT JOIN import_batch o USING (batch_id)
    UNION ALL
    SELECT r.changed_at, r.actor,
           CASE r.action WHEN 1 THEN 'identifier.amended' WHEN 2 THEN 'identifier.withdrawn'
                         ELSE 'identifier.revived' END,
           p.prefix || '/' || r.suffix, jsonb_build_object('revision', r.revision), r.request_id
      FROM revision r JOIN prefix p USING (prefix_id);

-- Enterprises that are the operator's own or affiliated (关联方): what was marked, from which day,
-- why and by whom. `enterprise.related_party` is the latest mark.
CREATE TABLE related_party (
    mark_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id integer     NOT NULL REFERENCES enterprise,
    related       boolean     NOT NULL,
    since         date        NOT NULL,
    reason        text        NOT NULL,
    marked_at     timestamptz NOT NULL DEFAULT now(),
    marked_by     text        NOT NULL
);
CREATE INDEX related_party_enterprise ON related_party (enterprise_id, mark_id);
