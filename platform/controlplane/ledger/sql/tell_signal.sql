-- Purpose: something happened; kept, and made due, where an enabled rule of the tenant wants its kind.
-- Locks: none. Index: alert_rule_on. Bound: 1 row. Rows out: (id) when it was kept.
WITH kept AS (
  INSERT INTO alert_signal (id, tenant_id, kind, ref, dag_id, subject, detail, at)
  SELECT app.uuid7(), (SELECT app.tenant()), %(kind)s::text, %(ref)s::uuid, %(dag_id)s::text, %(subject)s::text,
         %(detail)s::jsonb, %(now)s::timestamptz
  WHERE EXISTS (SELECT FROM alert_rule
                WHERE tenant_id = (SELECT app.tenant()) AND is_enabled AND kind = %(kind)s::text)
  RETURNING id
), due AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'alert', NULL, least(%(now)s::timestamptz, clock_timestamp()) FROM kept
)
SELECT id FROM kept
