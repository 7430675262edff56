-- Purpose: take this tenant's due work; it is deleted in the transaction that does it. Plans are only named:
-- who plans locks the DAG first and drops the item then (drop_plans.sql), so that everybody who changes a DAG
-- and its plan locks them in the same order.
-- Locks: work_item rows, SKIP LOCKED; then the runs of ended task instances in id order, so that a branch that
-- skips tasks of such a run (skip_tasks.sql) comes before all of this transaction or after it.
-- Index: work_item_tenant. Bound: `batch` each. Rows out: (kind, ref).
-- The runs are looked up by an array: with IN, all of the tenant's runs are read to be joined.
-- The pick is a materialized CTE: as a sub-select it may be run once per row, and pick others each time.
WITH picked AS MATERIALIZED (
  SELECT id FROM work_item
  WHERE tenant_id = %(tenant)s::uuid AND due_at <= %(now)s::timestamptz AND kind <> 'plan'
  ORDER BY due_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM work_item w USING picked
  WHERE w.id = picked.id AND w.tenant_id = %(tenant)s::uuid
  RETURNING w.kind, w.ref
), runs AS MATERIALIZED (
  SELECT r.id FROM dag_run r
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY (ARRAY(
    SELECT CASE taken.kind WHEN 'revive' THEN taken.ref ELSE (
             SELECT ti.dag_run_id FROM task_instance ti
             WHERE ti.id = taken.ref AND ti.tenant_id = (SELECT app.tenant())) END
    FROM taken WHERE taken.kind IN ('finished', 'revive')))
  ORDER BY r.id FOR NO KEY UPDATE
)
SELECT kind, ref FROM taken, (SELECT count(*) FROM runs) AS locked
UNION ALL
(SELECT kind, ref FROM work_item
 WHERE tenant_id = %(tenant)s::uuid AND due_at <= %(now)s::timestamptz AND kind = 'plan'
 ORDER BY due_at LIMIT %(batch)s::int)
