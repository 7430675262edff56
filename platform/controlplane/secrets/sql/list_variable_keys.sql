-- One page of Variable keys with a prefix, each with the count of all; always at least one row.
-- Locks: none. Index: variable_key_uk. Bound: %(limit)s rows.
WITH matching AS (
    SELECT key
    FROM variable
    WHERE tenant_id = app.tenant() AND starts_with(key, %(prefix)s::text)
), page AS (
    SELECT key FROM matching ORDER BY key LIMIT %(limit)s::int OFFSET %(offset)s::int
)
SELECT page.key, total.count
FROM (SELECT count(*) FROM matching) AS total
LEFT JOIN page ON true
ORDER BY page.key
