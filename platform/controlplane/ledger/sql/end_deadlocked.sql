-- Purpose: runs in which nothing can happen any more fail, as in Airflow: tasks have upstreams that this run does not
-- have (their own dates leave its logical date out), and nothing else is under way. The tasks stay without a state.
-- As in Airflow not while a task depends on its past or has a limit of its own active instances.
-- Locks: the runs in id order. Index: task_instance_place; work_item_tenant, once. Bound: the tasks of the runs given.
-- Rows out: (id) of the runs; finish_runs.sql ends them.
WITH stuck AS MATERIALIZED (
  SELECT r.id FROM dag_run r
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.state = 'running'
    AND r.lacks_tasks AND r.unfinished > 0
    AND NOT EXISTS (
      SELECT FROM task_instance ti
      JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
                     AND t.task_index = ti.task_index
      WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = r.id
        AND (ti.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
             OR ti.state IS NULL AND (t.past_rule > 0 OR t.max_active_tis_per_dag IS NOT NULL
                                      OR t.max_active_tis_per_dagrun IS NOT NULL)
             OR ti.id IN (SELECT i.ref FROM work_item i
                          WHERE i.tenant_id = (SELECT app.tenant()) AND i.kind = 'finished')))
  ORDER BY r.id FOR NO KEY UPDATE OF r
)
UPDATE dag_run r SET fails_by = 'all_tasks_deadlocked', unfinished = 0
FROM stuck WHERE r.id = stuck.id AND r.tenant_id = (SELECT app.tenant())
RETURNING r.id
