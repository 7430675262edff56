-- Purpose: which of these triggers are due: timers that fire, and what timed out. Locks: none. Index: primary key.
-- Bound: the ids given. Rows out: (id, epoch, fires (else it timed out), event, state it ends its task in).
SELECT t.id, t.epoch, coalesce(t.wake_at <= %(now)s::timestamptz, false), t.event, t.ends
FROM unnest(%(ids)s::uuid[]) AS i(id)
JOIN trigger t ON t.id = i.id AND t.tenant_id = (SELECT app.tenant())
WHERE t.wake_at <= %(now)s::timestamptz OR t.timeout_at <= %(now)s::timestamptz
