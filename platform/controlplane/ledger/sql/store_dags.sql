-- Purpose: DAGs whose content is new to them: made, or brought to what the spec says. Paused stays as it is.
-- Locks: the DAGs, in dag_id order. Index: dag_dag_id_uk. Bound: the changed DAGs of one bundle.
-- Rows out: (dag_id, row id, is new).
INSERT INTO dag (
  id, tenant_id, dag_id, bundle_version_id, relative_fileloc, is_paused, is_stale, has_import_errors,
  display_name, description, owners, tags, timetable_summary, timetable_description, schedule,
  max_active_runs, max_active_tasks, max_consecutive_failed_runs, active_runs, last_parsed_at, last_parse_seconds, created_at)
SELECT app.uuid7(), (SELECT app.tenant()), r.dag_id, %(bundle)s::uuid, r.relative_fileloc, r.is_paused, false,
  r.has_import_errors, r.display_name, r.description, r.owners, r.tags, r.timetable_summary,
  r.timetable_description, r.schedule, r.max_active_runs, r.max_active_tasks, r.max_consecutive_failed_runs, 0,
  %(now)s::timestamptz, r.last_parse_seconds, %(now)s::timestamptz
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
  dag_id text, relative_fileloc text, is_paused bool, has_import_errors bool, display_name text,
  description text, owners jsonb, tags jsonb, timetable_summary text, timetable_description text, schedule jsonb,
  max_active_runs int, max_active_tasks int, max_consecutive_failed_runs int, last_parse_seconds float8)
ORDER BY r.dag_id
ON CONFLICT (tenant_id, dag_id) DO UPDATE SET
  bundle_version_id = excluded.bundle_version_id, relative_fileloc = excluded.relative_fileloc,
  is_stale = false, has_import_errors = excluded.has_import_errors, display_name = excluded.display_name,
  description = excluded.description, owners = excluded.owners, tags = excluded.tags,
  timetable_summary = excluded.timetable_summary, timetable_description = excluded.timetable_description,
  schedule = excluded.schedule, max_active_runs = excluded.max_active_runs, max_active_tasks = excluded.max_active_tasks,
  max_consecutive_failed_runs = excluded.max_consecutive_failed_runs, last_parsed_at = excluded.last_parsed_at,
  last_parse_seconds = excluded.last_parse_seconds
RETURNING dag_id, id, (xmax = 0)
