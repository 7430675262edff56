-- Purpose: how many triggers the tenant may run at once, if it is limited: then one agent claims at a time.
-- Locks: a transaction-scoped advisory lock of this tenant, only where there is a limit. Bound: 1 row. Rows out: (limit).
SELECT most FROM (
  SELECT least((b.given ->> 'triggers')::float8, (b.own ->> 'triggers')::float8)::bigint AS most
  FROM app.tenant_bound b WHERE b.tenant_id = (SELECT app.tenant()) OFFSET 0
) l
WHERE most IS NOT NULL
  AND pg_advisory_xact_lock(hashtextextended('triggers:' || (SELECT app.tenant())::text, 0)) IS NOT NULL
