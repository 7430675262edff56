-- Purpose: an errand is done: due again at `next_at`, or gone when that is NULL; one that was asked for meanwhile
-- stays due when it was asked for. Locks: the row. Index: errand_uk by tenant and id. Bound: 1 row.
WITH gone AS (
  DELETE FROM errand
  WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid AND due_at = %(was_due_at)s::timestamptz
    AND %(next_at)s::timestamptz IS NULL
  RETURNING id
)
UPDATE errand SET claimed_until = NULL,
  due_at = CASE WHEN due_at = %(was_due_at)s::timestamptz THEN %(next_at)s::timestamptz ELSE due_at END
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid AND id NOT IN (SELECT id FROM gone)
