-- Purpose: deadlines of a run are due: note which were missed, and owe their callbacks. Once each: `missed_at` is never
-- taken back. A run's is met by a success that is not later, an `sla` by every instance of its task having ended well.
-- Several `sla`s missed at once are one callback, as in Airflow 2; it is of the first, the others share its `missed_at`.
-- Locks: the deadlines. Index: deadline_uk, task_instance_place. Bound: the deadlines and task instances of 1 run.
-- Rows out: (kind, dag_id, run_id, task_id or NULL, name or NULL) of those that were missed now.
WITH missed AS (
  UPDATE deadline d
  SET missed_at = %(now)s::timestamptz, updated_at = %(now)s::timestamptz
  FROM dag_run r
  WHERE d.dag_run_id = %(run)s::uuid AND d.tenant_id = (SELECT app.tenant()) AND d.missed_at IS NULL
    AND d.due_at <= %(now)s::timestamptz AND r.id = d.dag_run_id AND r.tenant_id = (SELECT app.tenant())
    AND CASE d.kind
      WHEN 'dag' THEN NOT coalesce(r.state = 'success' AND r.end_date <= d.due_at, false)
      ELSE EXISTS (
        SELECT FROM task_instance ti
        WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = d.dag_run_id AND ti.task_index = d.number
          AND NOT coalesce(ti.state IN ('success', 'skipped') AND ti.end_date <= d.due_at, false)) END
  RETURNING d.id, d.kind, d.task_id, d.name, d.dag_run_id, r.dag_id, r.run_id, r.dag_version_id
), occasion AS (
  SELECT 'deadline' AS kind, m.id, NULL::text AS task_id FROM missed m WHERE m.kind = 'dag'
  UNION ALL
  SELECT 'sla_miss', (array_agg(m.id ORDER BY m.id))[1], CASE WHEN count(*) = 1 THEN min(m.task_id) END
  FROM missed m WHERE m.kind = 'sla' HAVING count(*) > 0
), owed AS (
  INSERT INTO callback (id, tenant_id, kind, ref, epoch, dag_run_id, dag_version_id, dag_id, run_id, task_id, reason,
    created_at)
  SELECT app.uuid7(), (SELECT app.tenant()), o.kind, o.id, 1, m.dag_run_id, m.dag_version_id, m.dag_id, m.run_id,
    o.task_id, 'deadline_missed', %(now)s::timestamptz
  FROM occasion o JOIN missed m ON m.id = o.id
  JOIN dag_version v ON v.id = m.dag_version_id AND v.tenant_id = (SELECT app.tenant())
  WHERE o.kind = 'deadline' OR v.spec -> 'has_callbacks' ? 'sla_miss'
  ON CONFLICT (tenant_id, ref, kind, epoch) DO NOTHING
  RETURNING id
), told AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'callback', id, 1, %(now)s::timestamptz FROM owed
  RETURNING pg_notify('orders', '')
)
SELECT kind, dag_id, run_id, task_id, name FROM missed
