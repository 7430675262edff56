-- Purpose: the overlay that says something of this name to this run. Locks: none.
-- Index: dag_run_run_id_uk, the primary keys of deployment, deployment_overlay. Bound: 1 row. Rows out: (id, sealed).
SELECT o.id, o.sealed
FROM dag_run r
JOIN deployment d ON d.tenant_id = r.tenant_id AND d.id = r.deployment_id
JOIN deployment_overlay o ON o.tenant_id = d.tenant_id AND o.id = d.overlay_id
WHERE r.tenant_id = app.tenant() AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
  AND jsonb_exists(o.names -> %(kind)s::text, %(name)s::text)
LIMIT 1
