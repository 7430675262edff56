-- Purpose: a run just made (or cleared) by a task remembers its chain and the request. Locks: that dag_run row, held
-- by this transaction already. Index: dag_run_run_id_uk. Bound: 1 row. Rows out: none.
UPDATE dag_run r
SET trigger_chain = to_jsonb(%(chain)s::text[]), request_key = %(request_key)s::uuid
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
