-- Purpose: a deadline is due: note that it was missed, if it was, and owe its callback. Once: `missed_at` is never
-- taken back. A run's is met by a success that is not later, an `sla` by every instance of its task having ended well.
-- Locks: the deadline. Index: primary keys, task_instance_place. Bound: 1 row, the instances of 1 task.
-- Rows out: (kind, dag_id, run_id, task_id or NULL, name or NULL) when it was missed now.
WITH missed AS (
  UPDATE deadline d
  SET missed_at = %(now)s::timestamptz, updated_at = %(now)s::timestamptz
  FROM dag_run r
  WHERE d.id = %(id)s::uuid AND d.tenant_id = (SELECT app.tenant()) AND d.missed_at IS NULL
    AND d.due_at <= %(now)s::timestamptz AND r.id = d.dag_run_id AND r.tenant_id = (SELECT app.tenant())
    AND CASE d.kind
      WHEN 'dag' THEN NOT coalesce(r.state = 'success' AND r.end_date <= d.due_at, false)
      ELSE EXISTS (
        SELECT FROM task_instance ti
        WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = d.dag_run_id AND ti.task_index = d.number
          AND NOT coalesce(ti.state IN ('success', 'skipped') AND ti.end_date <= d.due_at, false)) END
  RETURNING d.id, d.kind, d.task_id, d.name, d.dag_run_id, r.dag_id, r.run_id, r.dag_version_id
), owed AS (
  INSERT INTO callback (id, tenant_id, kind, ref, epoch, dag_run_id, dag_version_id, dag_id, run_id, task_id, reason,
    created_at)
  SELECT app.uuid7(), (SELECT app.tenant()), CASE m.kind WHEN 'dag' THEN 'deadline' ELSE 'sla_miss' END, m.id, 1,
    m.dag_run_id, m.dag_version_id, m.dag_id, m.run_id, m.task_id, 'deadline_missed', %(now)s::timestamptz
  FROM missed m JOIN dag_version v ON v.id = m.dag_version_id AND v.tenant_id = (SELECT app.tenant())
  WHERE m.kind = 'dag' OR v.spec -> 'has_callbacks' ? 'sla_miss'
  ON CONFLICT (tenant_id, ref, kind, epoch) DO NOTHING
  RETURNING id
), told AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'callback', id, 1, %(now)s::timestamptz FROM owed
  RETURNING pg_notify('orders', '')
)
SELECT kind, dag_id, run_id, task_id, name FROM missed
