-- Purpose: what bundle versions left behind: results of parsing files that no bundle version has, runtimes and overlays
-- that none needs, the use of artefacts, and statuses that Git hosts were told. The caller holds the tenant's lock of bundles. Locks: the rows.
-- Index: bundle_version_recent, deployment_of_bundle, artefact_use_uk. Bound: `batch` of each.
-- Rows out: (parse results, runtimes, overlays, uses of artefacts, commit statuses that went).
WITH parses AS (
  DELETE FROM file_parse WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT f.id FROM file_parse f
    WHERE f.tenant_id = (SELECT app.tenant()) AND f.parsed_at < %(before)s::timestamptz AND NOT EXISTS (
      SELECT FROM bundle_version b WHERE b.tenant_id = f.tenant_id AND b.files ->> f.path = f.sha256)
    LIMIT %(batch)s::int)
  RETURNING 1
), runtimes AS (
  DELETE FROM runtime WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT u.id FROM runtime u
    WHERE u.tenant_id = (SELECT app.tenant()) AND u.created_at < %(before)s::timestamptz
      AND u.state IN ('ready', 'failed')
      AND NOT EXISTS (SELECT FROM bundle_version b WHERE b.tenant_id = u.tenant_id AND b.runtime_id = u.id)
      AND NOT EXISTS (SELECT FROM dag_run r WHERE r.tenant_id = u.tenant_id AND r.runtime_digest = u.digest)
    LIMIT %(batch)s::int)
  RETURNING 1
), overlays AS (
  DELETE FROM deployment_overlay WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT o.id FROM deployment_overlay o
    WHERE o.tenant_id = (SELECT app.tenant()) AND o.created_at < %(before)s::timestamptz AND NOT EXISTS (
      SELECT FROM deployment d WHERE d.tenant_id = o.tenant_id AND d.overlay_id = o.id)
    LIMIT %(batch)s::int)
  RETURNING 1
), artefacts AS (
  DELETE FROM artefact_use WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT a.id FROM artefact_use a
    WHERE a.tenant_id = (SELECT app.tenant()) AND NOT EXISTS (
      SELECT FROM bundle_version b WHERE b.tenant_id = a.tenant_id AND b.digest = a.digest)
    LIMIT %(batch)s::int)
  RETURNING 1
), told AS (
  DELETE FROM commit_status WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT c.id FROM commit_status c
    WHERE c.tenant_id = (SELECT app.tenant()) AND c.created_at < %(before)s::timestamptz
      AND (c.told_at IS NOT NULL OR c.given_up)
    LIMIT %(batch)s::int)
  RETURNING 1
)
SELECT (SELECT count(*) FROM parses)::int, (SELECT count(*) FROM runtimes)::int, (SELECT count(*) FROM overlays)::int,
       (SELECT count(*) FROM artefacts)::int, (SELECT count(*) FROM told)::int
