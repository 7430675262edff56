-- Purpose: how many instances are above each instance of runs that went to another version of their DAG.
-- Locks: the instances, held already. Index: task_instance_place; dag_task_index_uk. Bound: the instances of the runs.
WITH there AS MATERIALIZED (
  SELECT ti.dag_run_id, ti.dag_version_id, ti.task_index, count(*)::int AS n
  FROM unnest(%(runs)s::uuid[]) AS r(id)
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = r.id
  WHERE ti.task_index >= 0
  GROUP BY ti.dag_run_id, ti.dag_version_id, ti.task_index
), task AS MATERIALIZED (
  SELECT there.*, t.counts_into, t.is_setup, t.readings IS NOT NULL AS reads, t.upstream_count, t.setup_upstream_count
  FROM there
  JOIN dag_task t ON t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = there.dag_version_id
                 AND t.task_index = there.task_index
), above AS MATERIALIZED (
  SELECT dag_run_id, b.task_index, sum(n)::int AS total, coalesce(sum(n) FILTER (WHERE is_setup), 0)::int AS setups
  FROM task, unnest(counts_into) AS b(task_index)
  GROUP BY dag_run_id, b.task_index
), wanted AS MATERIALIZED (
  SELECT task.dag_run_id, task.task_index,
    CASE WHEN reads THEN upstream_count ELSE coalesce(above.total, 0) END AS total,
    CASE WHEN reads THEN setup_upstream_count ELSE coalesce(above.setups, 0) END AS setups
  FROM task LEFT JOIN above ON above.dag_run_id = task.dag_run_id AND above.task_index = task.task_index
)
UPDATE task_instance ti SET upstream_total = wanted.total, upstream_setup_total = wanted.setups
FROM wanted
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = wanted.dag_run_id
  AND ti.task_index = wanted.task_index
