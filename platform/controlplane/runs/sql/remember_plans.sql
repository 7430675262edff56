-- Purpose: people see when these DAGs run next, and a plan item waits for each whose time to look again is known.
-- Locks: the DAGs, which the caller has locked; work_item rows. Index: primary key; work_item_uk.
-- Bound: the DAGs given. `look` NULL: nothing to look at again; whatever ends a run, or changes the DAG, asks.
WITH said AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(plans)s::jsonb) AS p(
    id uuid, logical_date timestamptz, interval_start timestamptz, interval_end timestamptz,
    run_after timestamptz, partition_key text, partition_date timestamptz, look timestamptz)
), told AS (
  UPDATE dag d
  SET next_logical_date = said.logical_date, next_interval_start = said.interval_start,
      next_interval_end = said.interval_end, next_run_after = said.run_after,
      next_partition_key = said.partition_key, next_partition_date = said.partition_date
  FROM said
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.id = said.id
    AND (d.next_logical_date, d.next_interval_start, d.next_interval_end, d.next_run_after, d.next_partition_key,
         d.next_partition_date)
      IS DISTINCT FROM (said.logical_date, said.interval_start, said.interval_end, said.run_after,
                        said.partition_key, said.partition_date)
)
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), 'plan', id, look FROM said WHERE look IS NOT NULL
ORDER BY id
ON CONFLICT (tenant_id, kind, ref) WHERE kind = 'plan' DO UPDATE SET due_at = excluded.due_at
