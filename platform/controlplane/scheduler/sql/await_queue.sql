-- Purpose: tasks of this tenant wait in a queue that no agent serves: an agent that registers makes this item due
-- (register_agent.sql). It comes due by itself in case an agent came back without registering.
-- Locks: none. Index: work_item_tenant. Bound: one item per tenant. Rows out: (id) when it was made now.
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), 'queue', NULL, clock_timestamp() + make_interval(secs => %(seconds)s::float8)
WHERE NOT EXISTS (SELECT FROM work_item WHERE tenant_id = (SELECT app.tenant()) AND kind = 'queue')
RETURNING id
