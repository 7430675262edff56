-- One page of Variable keys with a prefix, each with the count of all; always at least one row. With `declared` only
-- those that it names, where a name that ends in * stands for all that begin so.
-- Locks: none. Index: variable_key_uk. Bound: %(limit)s rows.
WITH matching AS (
    SELECT key
    FROM variable
    WHERE tenant_id = app.tenant() AND starts_with(key, %(prefix)s::text)
      AND (%(declared)s::text[] IS NULL OR EXISTS (
          SELECT FROM unnest(%(declared)s::text[]) AS d(name)
          WHERE key = d.name OR (right(d.name, 1) = '*' AND starts_with(key, left(d.name, -1)))))
), page AS (
    SELECT key FROM matching ORDER BY key LIMIT %(limit)s::int OFFSET %(offset)s::int
)
SELECT page.key, total.count
FROM (SELECT count(*) FROM matching) AS total
LEFT JOIN page ON true
ORDER BY page.key
