-- Purpose: how many bytes of a kind the tenant may keep, and how many it kept when that was counted last. Locks: none.
-- Index: storage_held_uk. Bound: 1 row. Rows out: (limit or NULL, bytes, counted when or NULL).
SELECT least((b.given ->> %(limit)s::text)::float8, (b.own ->> %(limit)s::text)::float8)::bigint, coalesce(h.bytes, 0),
       h.counted_at
FROM app.tenant_bound b
LEFT JOIN storage_held h ON h.tenant_id = b.tenant_id AND h.kind = %(kind)s::text
WHERE b.tenant_id = (SELECT app.tenant())
