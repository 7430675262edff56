-- Purpose: runs have begun; tasks that wait for nothing (no upstream, or trigger rule `always`) become
-- scheduled, or end at once when empty.
-- Locks: task_instance rows of the runs. Index: task_instance_place. Bound: roots of the runs given.
-- Rows out: (id, state): state NULL means mapped, to be expanded.
UPDATE task_instance ti
SET state = CASE WHEN ti.is_mapped AND ti.map_index = -1 THEN NULL WHEN t.is_empty THEN 'success' ELSE 'scheduled' END,
    scheduled_at = %(now)s::timestamptz,
    try_number = CASE WHEN t.is_empty OR (ti.is_mapped AND ti.map_index = -1) THEN 0 ELSE 1 END,
    start_date = CASE WHEN t.is_empty AND NOT ti.is_mapped THEN %(now)s::timestamptz END,
    end_date = CASE WHEN t.is_empty AND NOT ti.is_mapped THEN %(now)s::timestamptz END
FROM dag_task t
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = ANY(%(runs)s::uuid[])
  AND (ti.upstream_total = 0 OR ti.trigger_rule = 10) AND ti.state IS NULL -- 10: always
  AND t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id AND t.task_index = ti.task_index
RETURNING ti.id, ti.state
