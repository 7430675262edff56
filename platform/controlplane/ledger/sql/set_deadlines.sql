-- Purpose: the deadlines of a run, and an item for each instant at which some are due. Said again (the run was cleared),
-- only those that count from `queued_at` move, and only while they are not missed, as in Airflow.
-- Locks: the deadlines. Index: deadline_uk. Bound: the arrays. Rows out: none.
WITH put AS (
  INSERT INTO deadline (id, tenant_id, kind, dag_run_id, number, task_id, name, reference, due_at, problem,
    created_at, updated_at)
  SELECT app.uuid7(), (SELECT app.tenant()), s.kind, %(run)s::uuid, s.number, s.task_id, s.name, s.reference,
    s.due_at, s.problem, %(now)s::timestamptz, %(now)s::timestamptz
  FROM unnest(%(kinds)s::text[], %(numbers)s::int[], %(task_ids)s::text[], %(names)s::text[],
              %(references)s::text[], %(due)s::timestamptz[], %(problems)s::text[])
    AS s(kind, number, task_id, name, reference, due_at, problem)
  ON CONFLICT (tenant_id, dag_run_id, kind, number) DO UPDATE
    SET due_at = excluded.due_at, problem = excluded.problem, updated_at = excluded.updated_at
    WHERE deadline.reference = 'queued_at' AND deadline.missed_at IS NULL
      AND deadline.due_at IS DISTINCT FROM excluded.due_at
  RETURNING due_at
)
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT DISTINCT (SELECT app.tenant()), 'deadline', %(run)s::uuid, due_at FROM put WHERE due_at IS NOT NULL
