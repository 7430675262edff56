-- Purpose: queued runs fail without having begun: their backfill is cancelled, or they get no data interval. As in
-- Airflow their tasks get no state.
-- Locks: the runs, held already. Bound: the runs given. Rows out: (id).
UPDATE dag_run r
SET state = 'failed', epoch = r.epoch + 1, end_date = %(now)s::timestamptz, fails_by = %(why)s::text
WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.state = 'queued'
RETURNING r.id
