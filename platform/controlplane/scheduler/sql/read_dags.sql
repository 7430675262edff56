-- Purpose: DAGs by name, whether a run of theirs is due by timetable, whether they wait with events of assets.
-- Locks: none. Index: dag_dag_id_uk, asset_queue_of_dag. Rows out: (row id, is due, has queued events).
SELECT id, coalesce(next_run_after <= %(now)s::timestamptz, false),
       EXISTS (SELECT FROM asset_queue q WHERE q.tenant_id = (SELECT app.tenant()) AND q.dag_row_id = dag.id)
FROM dag
WHERE tenant_id = (SELECT app.tenant()) AND dag_id = ANY(%(dag_ids)s::text[])
