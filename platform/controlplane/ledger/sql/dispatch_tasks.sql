-- Purpose: admitted task instances get a new epoch and become workloads that executors take.
-- Locks: the instances, SKIP LOCKED: one that a branch is just skipping is not dispatched, and not waited for.
-- Index: primary key. Bound: the ids given. Rows out: (id, epoch).
WITH free AS MATERIALIZED (
  SELECT id FROM task_instance
  WHERE id = ANY(%(ids)s::uuid[]) AND tenant_id = (SELECT app.tenant()) AND state = 'scheduled'
  FOR NO KEY UPDATE SKIP LOCKED
), queued AS (
  UPDATE task_instance ti
  SET state = 'queued', epoch = ti.epoch + 1, queued_at = %(now)s::timestamptz, held_reason = NULL,
      end_date = NULL, died = NULL, ran_version_id = NULL, ran_bundle_id = NULL
  FROM free
  WHERE ti.id = free.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
  RETURNING ti.id, ti.epoch, ti.queue, ti.executor, ti.priority_weight
), out AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, executor, queue, priority, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'task', id, epoch, coalesce(executor, 'local'), queue,
         priority_weight, %(now)s::timestamptz
  FROM queued
)
SELECT id, epoch FROM queued
