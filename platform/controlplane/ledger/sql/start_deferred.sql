-- Purpose: scheduled tasks that begin in their trigger become `deferred`, with a new epoch; defer_tasks.sql follows.
-- Locks: the instances, SKIP LOCKED: one that a branch is just skipping is left alone. Index: primary key.
-- Bound: the ids given. Rows out: (id, epoch).
WITH said AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(methods)s::text[], %(kwargs)s::jsonb[]) AS s(id, method, kwargs)
), free AS MATERIALIZED (
  SELECT id FROM task_instance
  WHERE id = ANY(%(ids)s::uuid[]) AND tenant_id = (SELECT app.tenant()) AND state = 'scheduled'
    AND next_method IS NULL
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE task_instance ti
SET state = 'deferred', epoch = ti.epoch + 1, start_date = %(now)s::timestamptz, end_date = NULL, died = NULL,
    next_method = said.method, next_kwargs = said.kwargs, held_reason = 'deferred: it waits for its trigger'
FROM said JOIN free USING (id)
WHERE ti.id = said.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
RETURNING ti.id, ti.epoch
