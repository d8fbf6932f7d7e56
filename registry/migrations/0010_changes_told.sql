-- Whoever keeps answers in memory is told what changed, in the transaction of the change: triggers,
-- so that no statement can forget it. Nothing is told of what was not resolvable before, since only
-- answers that were found are kept; so registrations, which only insert, cost nothing here.
--
-- A message is {"identifiers": ["prefix/suffix", …]} in comparison form, {"prefixes": […]},
-- {"templates": […]} or {"everything": true}. One holds at most 8,000 bytes; a statement that
-- changes more names the prefixes, and one that changes very many of those says everything.
CREATE FUNCTION tell_identifiers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed integer;
BEGIN
    SELECT count(*) INTO changed FROM old_rows WHERE revision > 0;
    IF changed = 0 THEN
        RETURN NULL;
    ELSIF changed <= 12 THEN  -- 255 bytes each, twice as many where JSON escapes every one
        PERFORM pg_notify('biaoshi_changes', json_build_object(
            'identifiers', json_agg(p.prefix || '/' || o.suffix))::text)
           FROM old_rows o JOIN prefix p USING (prefix_id) WHERE o.revision > 0;
    ELSE
        PERFORM tell_prefixes(array_agg(DISTINCT prefix_id)) FROM old_rows WHERE revision > 0;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION tell_prefixes(ids integer[]) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('biaoshi_changes',
                     CASE WHEN cardinality(ids) > 50 THEN '{"everything": true}'
                          ELSE json_build_object('prefixes', json_agg(prefix))::text END)
      FROM prefix WHERE prefix_id = ANY(ids) HAVING count(*) > 0
$$;

CREATE FUNCTION tell_changed_prefixes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_prefixes(array_agg(o.prefix_id))
       FROM old_rows o JOIN new_rows n USING (prefix_id)
      WHERE (o.hosting, o.state, o.enterprise_id) IS DISTINCT FROM (n.hosting, n.state, n.enterprise_id);
    RETURN NULL;
END $$;

CREATE FUNCTION tell_changed_enterprises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_prefixes(array_agg(p.prefix_id))
       FROM old_rows o JOIN new_rows n USING (enterprise_id) JOIN prefix p USING (enterprise_id)
      WHERE o.state IS DISTINCT FROM n.state;
    RETURN NULL;
END $$;

CREATE FUNCTION tell_changed_templates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('biaoshi_changes',
                      CASE WHEN count(*) > 500 THEN '{"everything": true}'
                           ELSE json_build_object('templates', json_agg(template_id))::text END)
       FROM old_rows o JOIN new_rows n USING (template_id)
      WHERE o.generation <> n.generation
     HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE TRIGGER identifiers_told AFTER UPDATE ON identifier
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tell_identifiers();
CREATE TRIGGER prefixes_told AFTER UPDATE ON prefix
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_prefixes();
CREATE TRIGGER enterprises_told AFTER UPDATE ON enterprise
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_enterprises();
CREATE TRIGGER templates_told AFTER UPDATE ON template
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_templates();
