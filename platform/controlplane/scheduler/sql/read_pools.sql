-- Purpose: the tenant's pools, with how many tasks those that limit their starts began in the last minute (and when
-- the oldest of these leaves it), and what bounds the tenant: what it set for itself, and what it was given (app.tenant_bound).
-- After count_active.sql, which counts what is dispatched and did not begin: a start in between counts twice, never not.
-- A tenant that is suspended or on its way out has no room for any task.
-- Locks: none. Index: pool_name_uk, tenant_quota_uk, organisation_quota's, plan's (a few rows); pool_start_recent where a pool is paced.
-- Bound: the tenant's pools; the starts of paced ones in a minute, which are at most what they allow.
SELECT p.name, p.slots, p.include_deferred, p.starts_per_minute, recent.n, recent.next_at,
       CASE WHEN b.state IN ('suspended', 'deleting', 'purging') THEN 0 ELSE b.max_active_tasks END, b.settings, b.given
FROM pool p
JOIN app.tenant_bound b ON b.tenant_id = p.tenant_id
LEFT JOIN LATERAL (
  SELECT count(*)::int AS n, min(s.started_at) + interval '60 seconds' AS next_at FROM pool_start s
  WHERE p.starts_per_minute IS NOT NULL AND s.tenant_id = p.tenant_id AND s.pool = p.name
    AND s.started_at > clock_timestamp() - interval '60 seconds' OFFSET 0
) recent ON p.starts_per_minute IS NOT NULL
WHERE p.tenant_id = (SELECT app.tenant())
