-- Purpose: how many runs of a DAG match. Locks: none. Index: dag_run_run_id_uk. Bound: 1 row.
SELECT count(*)
FROM dag_run r
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text
  AND (%(run_ids)s::text[] IS NULL OR r.run_id = ANY(%(run_ids)s::text[]))
  AND (%(logical_dates)s::timestamptz[] IS NULL OR r.logical_date = ANY(%(logical_dates)s::timestamptz[]))
  AND (%(states)s::text[] IS NULL OR r.state = ANY(%(states)s::text[]))
