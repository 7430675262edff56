-- Purpose: the chain of operator triggers that a run came by. Locks: none. Index: dag_run_run_id_uk.
-- Bound: 1 row. Rows out: the chain as an array, empty when no task started the run.
SELECT ARRAY(SELECT jsonb_array_elements_text(coalesce(r.trigger_chain, '[]'::jsonb)))
FROM dag_run r
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
