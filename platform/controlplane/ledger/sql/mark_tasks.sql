-- Purpose: somebody says how task instances ended. An attempt that runs counts no more (epoch), and its agent is
-- told to stop it. Before and after: as clear_tasks.sql.
-- Locks: workloads of the instances that run. Index: primary key; workload_uk; work_item_tenant.
-- Bound: the ids given. Rows out: (id), those that had another state.
WITH target AS MATERIALIZED (
  SELECT ti.id, ti.state AS was, ti.epoch, w.state
  FROM unnest(%(ids)s::uuid[], %(states)s::text[]) AS w(id, state)
  JOIN task_instance ti ON ti.id = w.id AND ti.tenant_id = (SELECT app.tenant())
  WHERE ti.state IS DISTINCT FROM w.state
), marked AS (
  UPDATE task_instance ti
  SET state = target.state, epoch = ti.epoch + 1,
      start_date = coalesce(ti.start_date, %(now)s::timestamptz),
      end_date = coalesce(ti.end_date, %(now)s::timestamptz),
      held_reason = NULL, past_run_id = NULL, due_at = NULL
  FROM target WHERE ti.id = target.id AND ti.epoch = target.epoch AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state IS NOT DISTINCT FROM target.was
  RETURNING ti.id
), dropped AS (
  DELETE FROM workload w USING target
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = target.id
    AND (w.kind = 'task' AND w.agent_id IS NULL OR w.kind = 'trigger')
), stopped AS (
  UPDATE workload w SET stop = %(reason)s::text
  FROM target
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'task' AND w.ref = target.id AND w.agent_id IS NOT NULL
), untriggered AS (
  DELETE FROM trigger t USING target WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = target.id
), forgotten AS (
  DELETE FROM work_item i
  WHERE i.tenant_id = (SELECT app.tenant()) AND (i.ref IN (SELECT id FROM target)) IS TRUE -- hashed, not joined
)
SELECT id FROM marked
