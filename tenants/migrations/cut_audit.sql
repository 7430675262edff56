-- Purpose: take away the oldest rows of the audit chain of the tenant in scope. It runs as the tables' owner, for no role
-- of a service may delete a row of the audit; the scheduler's role alone may call it.
-- What it refuses whoever asks: another tenant's rows; rows that no checkpoint says are cut (`kept_from`, which itself is
-- a row that was signed and is there: so the newest row, on which the chain goes on, always stays); and anything younger
-- than 30 days by the database's clock, with all that follows it.
-- Locks: the rows. Index: audit_row_seq_uk, audit_checkpoint_number_uk. Bound: `batch`, 5,000 at most.
-- Answers: how many rows went.
CREATE OR REPLACE FUNCTION app.cut_audit(kept_from bigint, batch int) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH oldest AS MATERIALIZED (
    SELECT o.id, o.at FROM public.audit_row o
    WHERE o.tenant_id = (SELECT app.tenant()) AND o.seq > 0 AND o.seq < cut_audit.kept_from
    ORDER BY o.seq LIMIT least(greatest(cut_audit.batch, 0), 5000)
  ), gone AS (
    DELETE FROM public.audit_row r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.id IN (SELECT id FROM oldest)
      AND NOT EXISTS (SELECT FROM oldest WHERE at >= clock_timestamp() - interval '30 days')
      AND EXISTS (
        SELECT FROM public.audit_checkpoint c
        JOIN public.audit_checkpoint a ON a.tenant_id = c.tenant_id AND a.seq = c.kept_from
        JOIN public.audit_row k ON k.tenant_id = c.tenant_id AND k.seq = c.kept_from AND k.hash = a.hash
        WHERE c.tenant_id = (SELECT app.tenant()) AND c.kept_from = cut_audit.kept_from)
    RETURNING 1
  )
  SELECT count(*)::int FROM gone
$$;
REVOKE ALL ON FUNCTION app.cut_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.cut_audit TO aerodrome_sched;
