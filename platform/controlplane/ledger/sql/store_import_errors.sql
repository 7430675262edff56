-- Purpose: the import errors are exactly those of the newest bundle: mended ones go, the others come or stay.
-- Locks: the rows, then one row of serial, taken last. Index: import_error_file_uk. Bound: failing files.
-- An error that stays keeps its number; new ones are numbered on from the tenant's counter.
WITH told AS (
  SELECT * FROM unnest(%(filenames)s::text[], %(kinds)s::text[], %(messages)s::text[], %(traces)s::text[],
                       %(lines)s::int[]) AS t(filename, kind, message, stacktrace, line)
), mended AS (
  DELETE FROM import_error e
  WHERE e.tenant_id = (SELECT app.tenant()) AND e.filename <> ALL (%(filenames)s::text[])
  RETURNING e.filename
), fresh AS (
  SELECT t.filename, row_number() OVER (ORDER BY t.filename) AS place FROM told t
  WHERE NOT EXISTS (SELECT FROM import_error e
                    WHERE e.tenant_id = (SELECT app.tenant()) AND e.filename = t.filename)
), signalled AS (
  INSERT INTO alert_signal (id, tenant_id, kind, subject, detail, at)
  SELECT app.uuid7(), (SELECT app.tenant()), n.signal, n.filename, jsonb_build_object('what', n.filename),
         %(now)s::timestamptz
  FROM (SELECT 'import_error' AS signal, filename FROM fresh
        UNION ALL SELECT 'import_mended', filename FROM mended) n
  WHERE EXISTS (SELECT FROM alert_rule a
                WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_enabled AND a.kind = 'import_error')
  RETURNING id
), weighed AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'alert', NULL, %(now)s::timestamptz WHERE EXISTS (SELECT FROM signalled)
), counter AS (
  INSERT INTO serial (id, tenant_id, name, last)
  SELECT app.uuid7(), (SELECT app.tenant()), 'import_error', count(*) FROM fresh HAVING count(*) > 0
  ON CONFLICT (tenant_id, name) DO UPDATE SET last = serial.last + excluded.last
  RETURNING last
)
INSERT INTO import_error (
  id, tenant_id, serial, filename, kind, message, stacktrace, line, bundle_version_id, timestamp)
SELECT app.uuid7(), (SELECT app.tenant()),
  coalesce((SELECT last FROM counter) - (SELECT count(*) FROM fresh) + f.place, 0),
  t.filename, t.kind, t.message, t.stacktrace, t.line, %(bundle)s::uuid, %(now)s::timestamptz
FROM told t LEFT JOIN fresh f USING (filename)
ORDER BY t.filename
ON CONFLICT (tenant_id, filename) DO UPDATE SET
  kind = excluded.kind, message = excluded.message, stacktrace = excluded.stacktrace, line = excluded.line,
  bundle_version_id = excluded.bundle_version_id, timestamp = excluded.timestamp
