-- Purpose: of these queues, those that no agent serves and that tasks still wait in. Locks: none.
-- Index: task_instance_ready; agents are few. Bound: tasks that are ready. Rows out: (queue).
SELECT q.name FROM unnest(%(queues)s::text[]) AS q(name)
WHERE NOT EXISTS (SELECT FROM agent a WHERE a.lease_until > clock_timestamp() AND a.queues @> to_jsonb(q.name))
  AND EXISTS (
    SELECT FROM task_instance ti
    WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled' AND ti.queue = q.name)
