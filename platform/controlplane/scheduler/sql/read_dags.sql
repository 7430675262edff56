-- Purpose: DAGs by name, and whether a run of theirs is due by timetable. Locks: none. Index: dag_dag_id_uk.
-- Rows out: (row id, is due).
SELECT id, coalesce(next_run_after <= %(now)s::timestamptz, false) FROM dag
WHERE tenant_id = (SELECT app.tenant()) AND dag_id = ANY(%(dag_ids)s::text[])
