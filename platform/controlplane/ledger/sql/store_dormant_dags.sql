-- Purpose: rows for DAGs of a bundle that is not in force, so that their versions have something to stand on:
-- stale, with no version of their own. DAGs that exist already stay as they are.
-- Locks: none held by others matter: the tenant's lock is held. Index: dag_dag_id_uk.
-- Bound: the new DAGs of one bundle.
INSERT INTO dag (
  id, tenant_id, dag_id, bundle_version_id, relative_fileloc, is_paused, is_stale, has_import_errors,
  display_name, description, owners, tags, timetable_summary, timetable_description, schedule,
  max_active_runs, max_active_tasks, max_consecutive_failed_runs, active_runs, last_parsed_at, last_parse_seconds, created_at)
SELECT app.uuid7(), (SELECT app.tenant()), r.dag_id, %(bundle)s::uuid, r.relative_fileloc, r.is_paused, true,
  false, r.display_name, r.description, r.owners, r.tags, r.timetable_summary,
  r.timetable_description, r.schedule, r.max_active_runs, r.max_active_tasks, r.max_consecutive_failed_runs, 0,
  %(now)s::timestamptz, 0, %(now)s::timestamptz
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
  dag_id text, relative_fileloc text, is_paused bool, display_name text,
  description text, owners jsonb, tags jsonb, timetable_summary text, timetable_description text, schedule jsonb,
  max_active_runs int, max_active_tasks int, max_consecutive_failed_runs int)
ORDER BY r.dag_id
ON CONFLICT (tenant_id, dag_id) DO NOTHING
