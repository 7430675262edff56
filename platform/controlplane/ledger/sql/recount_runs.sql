-- Purpose: the counters of runs changed by hand, from their instances: over and told (no `finished` item waits)
-- counts, everything else is unfinished, and so is what will be told again (`telling`, from rearm_runs.sql).
-- `by_hand`: the runs were changed just now, so that who starts them revives them (start_runs.sql).
-- Locks: the runs, held already. Index: task_instance_place; work_item_tenant, once. Bound: the instances of the runs.
UPDATE dag_run r
SET unfinished = c.unfinished, failed_leaves = c.failed_leaves,
    epoch = r.epoch + CASE WHEN %(by_hand)s::bool THEN 1 ELSE 0 END
FROM (
  SELECT one.id,
    count(ti.id) FILTER (WHERE NOT ti.over)::int AS unfinished,
    count(ti.id) FILTER (WHERE ti.over AND ti.is_leaf AND ti.state IN ('failed', 'upstream_failed'))::int
      AS failed_leaves
  FROM unnest(%(runs)s::uuid[]) AS one(id)
  LEFT JOIN LATERAL (
    SELECT t.id, t.state, coalesce(d.is_leaf, false) AS is_leaf,
      coalesce(t.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'), false)
        AND t.id NOT IN (SELECT i.ref FROM work_item i WHERE i.tenant_id = (SELECT app.tenant())
                                                         AND i.kind = 'finished')
        AND (t.id IN (SELECT again.id FROM unnest(%(telling)s::uuid[]) AS again(id))) IS NOT TRUE AS over
    FROM task_instance t
    LEFT JOIN LATERAL (
      SELECT is_leaf FROM dag_task x
      WHERE x.tenant_id = t.tenant_id AND x.dag_version_id = t.dag_version_id
        AND x.task_index = t.task_index OFFSET 0) d ON true
    WHERE t.tenant_id = (SELECT app.tenant()) AND t.dag_run_id = one.id OFFSET 0) ti ON true
  GROUP BY one.id
) c
WHERE r.id = c.id AND r.tenant_id = (SELECT app.tenant())
