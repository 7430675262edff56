-- Purpose: the run before a logical date. Locks: none. Index: dag_run_logical_date_uk. Bound: 1 row.
SELECT r.dag_id, r.run_id, r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after, r.start_date,
       r.end_date, r.clear_number, r.run_type, r.state, r.conf::text, r.triggering_user_name, r.partition_key, r.note
FROM dag_run r
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text
  AND r.logical_date < %(before)s::timestamptz
  AND (%(state)s::text IS NULL OR r.state = %(state)s::text)
ORDER BY r.logical_date DESC
LIMIT 1
