-- Purpose: runs that a backfill runs again are its runs from now on, and their tasks yield. `conf` NULL: as it was.
-- Locks: the runs, which the caller has locked, then their instances. Index: primary key; task_instance_place.
-- Bound: the runs given times their tasks.
WITH said AS MATERIALIZED (
  SELECT * FROM unnest(%(runs)s::uuid[], %(ordinals)s::int[]) AS s(id, ordinal)
), taken AS (
  UPDATE dag_run r
  SET backfill_id = %(backfill)s::uuid, backfill_ordinal = said.ordinal, run_type = 'backfill',
      triggered_by = 'backfill', conf = coalesce(%(conf)s::jsonb, r.conf)
  FROM said WHERE r.id = said.id AND r.tenant_id = (SELECT app.tenant())
  RETURNING r.id
)
UPDATE task_instance ti SET yields = true
FROM taken
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = taken.id AND NOT ti.yields
