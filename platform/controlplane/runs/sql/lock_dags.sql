-- Purpose: these DAGs are being planned. Locks: the DAGs in id order, before their plans (drop_plans.sql).
-- Index: primary key. Bound: the DAGs given.
SELECT id FROM dag
WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(dags)s::uuid[])
ORDER BY id FOR NO KEY UPDATE
