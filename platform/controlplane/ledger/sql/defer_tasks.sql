-- Purpose: attempts that just became `deferred` (finish_tasks.sql, this transaction) get their trigger. A timer is a
-- row and a work item; any other trigger is a row and a workload that an agent's triggerer claims.
-- Locks: the rows it writes, by key; the instances are locked. Index: primary keys. Bound: the arrays.
-- Rows out: (id, is a timer).
WITH said AS (
  SELECT * FROM unnest(
    %(ids)s::uuid[], %(epochs)s::int[], %(classpaths)s::text[], %(kwargs)s::jsonb[], %(queues)s::text[],
    %(timeouts)s::timestamptz[], %(wakes)s::timestamptz[], %(events)s::jsonb[], %(ends)s::text[], %(starts)s::bool[])
    AS s(id, epoch, classpath, kwargs, queue, timeout_at, wake_at, event, ends, starts)
), waiting AS MATERIALIZED (
  SELECT s.*, ti.priority_weight FROM said s
  JOIN task_instance ti ON ti.id = s.id AND ti.epoch = s.epoch AND ti.tenant_id = (SELECT app.tenant())
  WHERE ti.state = 'deferred'
), made AS (
  INSERT INTO trigger (id, tenant_id, task_instance_id, epoch, classpath, kwargs, queue, created_at, timeout_at,
    wake_at, event, ends, starts)
  SELECT id, (SELECT app.tenant()), id, epoch, classpath, kwargs, queue, %(now)s::timestamptz, timeout_at, wake_at,
    event, ends, starts
  FROM waiting
  ON CONFLICT (id) DO UPDATE SET
    epoch = excluded.epoch, classpath = excluded.classpath, kwargs = excluded.kwargs, queue = excluded.queue,
    created_at = excluded.created_at, timeout_at = excluded.timeout_at, wake_at = excluded.wake_at,
    event = excluded.event, ends = excluded.ends, starts = excluded.starts
  WHERE trigger.tenant_id = (SELECT app.tenant())
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'wake', id, least(wake_at, timeout_at) FROM waiting
  WHERE wake_at IS NOT NULL OR timeout_at IS NOT NULL
), loads AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, queue, priority, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'trigger', id, epoch, coalesce(queue, 'default'), priority_weight,
         %(now)s::timestamptz
  FROM waiting WHERE wake_at IS NULL
  ON CONFLICT (tenant_id, ref, epoch, kind) DO NOTHING
)
SELECT id, wake_at IS NOT NULL FROM waiting
