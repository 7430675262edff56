-- Purpose: one run. Locks: none. Index: dag_run_run_id_uk. Bound: 1 row.
SELECT r.dag_id, r.run_id, r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after, r.start_date,
       r.end_date, r.clear_number, r.run_type, r.state, r.conf::text, r.triggering_user_name, r.partition_key, r.note
FROM dag_run r
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
LIMIT 1
