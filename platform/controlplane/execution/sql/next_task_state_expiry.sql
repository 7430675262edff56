-- Purpose: when the first of the tenant's kept values is over. Locks: none. Index: task_state_expiry. Bound: 1 row.
-- Rows out: (instant), none when nothing expires.
SELECT expires_at FROM task_state
WHERE tenant_id = (SELECT app.tenant()) AND expires_at IS NOT NULL
ORDER BY expires_at LIMIT 1
