-- Purpose: runs have begun; tasks that wait for nothing (no upstream, or trigger rule `always`) become
-- scheduled, or end at once when empty.
-- Locks: task_instance rows of the runs. Index: task_instance_place. Bound: roots of the runs given.
-- Rows out: (id, state): state NULL means mapped, to be expanded; 'past' that the run before is to be asked;
-- 'weigh' that it reads what is above it (weigh_tasks.sql).
UPDATE task_instance ti
SET state = CASE WHEN t.past_rule > 0 OR t.weighs OR ti.is_mapped AND ti.map_index = -1 THEN NULL WHEN t.is_empty THEN 'success' ELSE 'scheduled' END,
    scheduled_at = %(now)s::timestamptz,
    try_number = CASE WHEN t.past_rule > 0 OR t.weighs OR (ti.is_mapped AND ti.map_index = -1) THEN ti.try_number ELSE ti.try_number + 1 END,
    start_date = CASE WHEN t.past_rule = 0 AND NOT t.weighs AND t.is_empty AND NOT (ti.is_mapped AND ti.map_index = -1) THEN %(now)s::timestamptz END,
    end_date = CASE WHEN t.past_rule = 0 AND NOT t.weighs AND t.is_empty AND NOT (ti.is_mapped AND ti.map_index = -1) THEN %(now)s::timestamptz END
FROM (
  -- A task with upstreams that need not be waited for may have been left out by a branch above, in an earlier round.
  SELECT *, trigger_rule = 10 AND readings IS NOT NULL AND upstream_count > 0 AS weighs FROM dag_task) t
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = ANY(%(runs)s::uuid[])
  AND (ti.upstream_total = 0 OR ti.trigger_rule = 10) AND ti.state IS NULL -- 10: always
  AND t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id AND t.task_index = ti.task_index
RETURNING ti.id, CASE WHEN t.weighs THEN 'weigh' WHEN t.past_rule > 0 THEN 'past' ELSE ti.state END
