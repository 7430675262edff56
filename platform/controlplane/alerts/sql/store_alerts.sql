-- Purpose: findings join the alert of their group that goes on, or open one; each plans its next notification once, and
-- one that opens the first look at whether its cause is gone.
-- Locks: the alerts, in key order. Index: alert_going_on. Bound: the findings given, one per group.
-- Rows out: (id, rule_id, was opened, when to tell if that was planned now, window that keeps it silent).
WITH found AS (
  SELECT * FROM unnest(
    %(rules)s::uuid[], %(keys)s::text[], %(kinds)s::text[], %(severities)s::text[], %(owners)s::text[],
    %(causes)s::text[], %(dags)s::jsonb[], %(items)s::jsonb[], %(counts)s::int[], %(waits)s::float8[],
    %(repeats)s::float8[], %(windows)s::uuid[])
    AS f(rule_id, group_key, kind, severity, owner, cause, dags, items, n, wait, repeat, window_id)
), stored AS (
  INSERT INTO alert AS a (id, tenant_id, rule_id, group_key, kind, severity, owner, cause, dags, items, occurrences,
    opened_at, last_at, tell_at, window_id)
  SELECT app.uuid7(), (SELECT app.tenant()), rule_id, group_key, kind, severity, owner, cause, dags, items, n,
         %(now)s::timestamptz, %(now)s::timestamptz,
         CASE WHEN window_id IS NULL THEN %(now)s::timestamptz + make_interval(secs => wait) END, window_id
  FROM found ORDER BY rule_id, group_key
  ON CONFLICT (tenant_id, rule_id, group_key) WHERE state <> 'resolved' DO UPDATE SET
    severity = CASE WHEN excluded.severity = 'page' THEN 'page' ELSE a.severity END,
    dags = (SELECT coalesce(jsonb_agg(DISTINCT e), '[]') FROM jsonb_array_elements(a.dags || excluded.dags) AS e),
    items = (SELECT jsonb_agg(e.value ORDER BY e.place)
             FROM (SELECT value, place FROM jsonb_array_elements(a.items || excluded.items)
                   WITH ORDINALITY AS all_of(value, place) ORDER BY place DESC LIMIT 50) e),
    occurrences = a.occurrences + excluded.occurrences,
    last_at = excluded.last_at,
    window_id = excluded.window_id,
    tell_at = CASE WHEN excluded.window_id IS NOT NULL THEN NULL WHEN a.tell_at IS NOT NULL THEN a.tell_at
      WHEN a.state = 'acknowledged' THEN NULL
      ELSE greatest(excluded.tell_at, a.notified_at + make_interval(secs => (
        SELECT f.repeat FROM found f WHERE f.rule_id = a.rule_id AND f.group_key = a.group_key))) END
  RETURNING a.id, a.rule_id, a.group_key, a.xmax = 0 AS opened, a.tell_at, a.window_id
), due AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'alert_tell', s.id, s.tell_at FROM stored s
  WHERE s.tell_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM work_item w
    WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'alert_tell' AND w.ref = s.id)
), looked AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'alert_check', s.id, %(now)s::timestamptz + interval '1 minute'
  FROM stored s WHERE s.opened
)
SELECT id, rule_id, opened, tell_at, window_id FROM stored
