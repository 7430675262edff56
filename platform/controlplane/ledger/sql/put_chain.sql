-- Purpose: a run just made by a task remembers its chain. Locks: that dag_run row, made in this transaction.
-- Index: dag_run_run_id_uk. Bound: 1 row. Rows out: none.
UPDATE dag_run r
SET trigger_chain = to_jsonb(%(chain)s::text[])
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
