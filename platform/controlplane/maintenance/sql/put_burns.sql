-- Purpose: budgets passed thresholds: one row each per budget and month, however often it is found.
-- Locks: none. Index: budget_burn_uk. Bound: the arrays. Rows out: (dag_id, threshold, amount, spent) of new ones.
INSERT INTO budget_burn (id, tenant_id, budget_id, dag_id, month, threshold, amount_micros, spent_micros, passed_at)
SELECT app.uuid7(), (SELECT app.tenant()), b.id, b.dag_id, %(month)s::date, b.threshold, b.amount, b.spent,
  %(now)s::timestamptz
FROM unnest(%(budgets)s::uuid[], %(dags)s::text[], %(thresholds)s::int[], %(amounts)s::bigint[], %(spent)s::bigint[])
  AS b(id, dag_id, threshold, amount, spent)
ON CONFLICT (tenant_id, budget_id, month, threshold) DO NOTHING
RETURNING dag_id, threshold, amount_micros, spent_micros
