-- Purpose: somebody says how task instances ended. An attempt that runs counts no more (epoch), and its agent is
-- told to stop it. Before and after: as clear_tasks.sql.
-- Locks: workloads of the instances that run. Index: primary key; workload_uk; work_item_tenant.
-- Bound: the ids given. Rows out: (id), those that had another state.
WITH marked AS (
  UPDATE task_instance ti
  SET state = %(state)s::text, epoch = ti.epoch + 1,
      start_date = coalesce(ti.start_date, %(now)s::timestamptz),
      end_date = coalesce(ti.end_date, %(now)s::timestamptz),
      held_reason = NULL, past_run_id = NULL, due_at = NULL
  WHERE ti.id = ANY(%(ids)s::uuid[]) AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state IS DISTINCT FROM %(state)s::text
  RETURNING ti.id
), dropped AS (
  DELETE FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = ANY(%(ids)s::uuid[])
    AND (w.kind = 'task' AND w.agent_id IS NULL OR w.kind = 'trigger')
), stopped AS (
  UPDATE workload w SET stop = %(reason)s::text
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = ANY(%(ids)s::uuid[]) AND w.kind = 'task'
    AND w.agent_id IS NOT NULL
), untriggered AS (
  DELETE FROM trigger t WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = ANY(%(ids)s::uuid[])
), forgotten AS (
  DELETE FROM work_item i
  WHERE i.tenant_id = (SELECT app.tenant())
    AND (i.ref IN (SELECT one.id FROM unnest(%(ids)s::uuid[]) AS one(id))) IS TRUE -- hashed, not joined
)
SELECT id FROM marked
