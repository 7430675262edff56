-- Purpose: what files gave when they were parsed, one row per path, content and runtime.
-- Locks: the rows, in path order. Index: file_parse_uk. Bound: the files of one bundle.
-- Rows come as one JSON array: most columns are JSON themselves.
INSERT INTO file_parse (
  id, tenant_id, path, sha256, runtime_digest, dependencies, listed, dag_hashes, failures, findings, seconds,
  parsed_at)
SELECT app.uuid7(), (SELECT app.tenant()), r.path, r.sha256, %(runtime_digest)s::text, r.dependencies, r.listed,
  r.dag_hashes, r.failures, r.findings, r.seconds, %(now)s::timestamptz
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
  path text, sha256 text, dependencies jsonb, listed jsonb, dag_hashes jsonb, failures jsonb, findings jsonb,
  seconds float8)
ORDER BY r.path
ON CONFLICT (tenant_id, path, sha256, runtime_digest) DO UPDATE SET
  dependencies = excluded.dependencies, listed = excluded.listed, dag_hashes = excluded.dag_hashes,
  failures = excluded.failures, findings = excluded.findings, seconds = excluded.seconds,
  parsed_at = excluded.parsed_at
