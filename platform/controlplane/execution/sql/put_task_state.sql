-- Purpose: a value that a task keeps for its later tries, and an item for the instant at which the first of the
-- tenant's values is over. Whoever forgets values deletes that item first: the share lock waits for it, so that either
-- it sees this value or this statement leaves a new item. Locks: the row; the item. Index: primary key, task_state_key_uk,
-- work_item_uk. Bound: 1 row each. Rows out: (id), none when another attempt took the place of this one.
WITH me AS MATERIALIZED (
  SELECT ti.tenant_id, ti.dag_run_id, ti.task_id, ti.map_index
  FROM task_instance ti
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = %(by)s::uuid AND ti.epoch = %(epoch)s::int
), stored AS (
  INSERT INTO task_state (id, tenant_id, dag_run_id, task_id, map_index, key, value, updated_at, expires_at)
  SELECT %(id)s::uuid, me.tenant_id, me.dag_run_id, me.task_id, me.map_index, %(key)s::text, %(value)s::jsonb,
         %(now)s::timestamptz, %(expires_at)s::timestamptz
  FROM me
  ON CONFLICT (tenant_id, dag_run_id, task_id, map_index, key)
  DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at
  RETURNING id
), expected AS MATERIALIZED (
  SELECT i.id FROM work_item i
  WHERE i.tenant_id = (SELECT app.tenant()) AND i.kind = 'forget' AND i.ref = (SELECT app.tenant())
    AND i.due_at <= %(look_at)s::timestamptz AND %(expires_at)s::timestamptz IS NOT NULL
  FOR KEY SHARE
), asked AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT me.tenant_id, 'forget', me.tenant_id, %(look_at)s::timestamptz
  FROM me
  WHERE %(expires_at)s::timestamptz IS NOT NULL AND NOT EXISTS (SELECT FROM expected)
  ON CONFLICT (tenant_id, kind, ref) WHERE kind = 'forget'
  DO UPDATE SET due_at = least(work_item.due_at, excluded.due_at)
)
SELECT id FROM stored
