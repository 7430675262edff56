-- What a waiting task does, given its upstream counts: domain.trigger_rules.decide, in SQL.
-- Answers: 0 wait, 1 run, 2 skip, 3 upstream_fail, 4 remove. The rules in domain/ are the oracle;
-- tests/equivalence compares the two over every rule and every small count.
CREATE OR REPLACE FUNCTION app.decide(
  rule smallint, total int, ok int, failed int, up_failed int, skipped int, removed int,
  setups int, setups_ok int, setups_skipped int, map_index int
) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN total = 0 OR rule = 10 THEN 1
    WHEN rule = 0 THEN CASE
      WHEN failed + up_failed > 0 THEN 3
      WHEN skipped > 0 THEN 2
      WHEN removed > 0 AND ok > 0 AND map_index > -1 AND map_index >= ok THEN 4
      WHEN ok + removed >= total THEN 1 ELSE 0 END
    WHEN rule = 1 THEN CASE
      WHEN ok + skipped > 0 THEN 2
      WHEN failed + up_failed + removed >= total THEN 1 ELSE 0 END
    WHEN rule = 2 THEN CASE WHEN ok + failed + up_failed + skipped + removed >= total THEN 1 ELSE 0 END
    WHEN rule = 3 THEN CASE
      WHEN skipped > 0 THEN 2
      WHEN ok + failed + up_failed + skipped + removed < total THEN 0
      WHEN ok = 0 THEN 3 ELSE 1 END
    WHEN rule = 4 THEN CASE
      WHEN ok + failed + up_failed + skipped + removed < total THEN 0
      WHEN setups > 0 AND setups_skipped >= setups THEN 2
      WHEN setups > 0 AND setups_ok = 0 THEN 3 ELSE 1 END
    WHEN rule = 5 THEN CASE
      WHEN ok + failed + up_failed + skipped + removed >= total AND
           ok + failed + up_failed + skipped + removed = skipped THEN 2
      WHEN ok + failed + up_failed + skipped + removed >= total AND ok = 0 THEN 3
      WHEN ok > 0 THEN 1 ELSE 0 END
    WHEN rule = 6 THEN CASE
      WHEN failed + up_failed > 0 THEN 1
      WHEN ok + skipped + removed >= total THEN 2 ELSE 0 END
    WHEN rule = 7 THEN CASE
      WHEN ok + failed > 0 THEN 1
      WHEN up_failed + skipped + removed >= total THEN 2 ELSE 0 END
    WHEN rule = 8 THEN CASE
      WHEN failed + up_failed > 0 THEN 3
      WHEN ok + skipped + removed >= total THEN 1 ELSE 0 END
    WHEN rule = 9 THEN CASE
      WHEN skipped > 0 THEN 2
      WHEN ok + failed + up_failed + removed >= total THEN 1 ELSE 0 END
    WHEN rule = 11 THEN CASE
      WHEN failed + up_failed > 0 THEN 3
      WHEN skipped = total THEN 2
      WHEN ok + skipped + removed >= total AND ok = 0 THEN 3
      WHEN ok + skipped + removed >= total THEN 1 ELSE 0 END
    WHEN rule = 12 THEN CASE
      WHEN ok + failed + up_failed > 0 THEN 2
      WHEN skipped >= total THEN 1 ELSE 0 END
  END
$$;
GRANT EXECUTE ON FUNCTION app.decide TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- A task that may run by its upstreams and depends on its past must ask the run before: the decision, negated.
CREATE OR REPLACE FUNCTION app.asks(past_rule smallint, decision int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN past_rule > 0 AND decision = 1 THEN -1 ELSE decision END
$$;
GRANT EXECUTE ON FUNCTION app.asks TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- What a waiting task does that reads the instances above it: domain.weighing.weigh, in SQL. Answers as app.decide.
-- `above_*` are setups that are no direct upstream, `source_*` those that it is expanded over.
CREATE OR REPLACE FUNCTION app.weigh(
  rule smallint, has_upstream bool, is_teardown bool, map_index int, total int, ok int, failed int, up_failed int,
  skipped int, removed int, setups int, setups_ok int, setups_skipped int, above_total int, above_ok int,
  above_failed int, above_skipped int, above_removed int, scope_pending int, source_up_failed bool,
  source_failed bool, source_skipped bool, source_removed bool, sticky bool
) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN sticky THEN 2
    WHEN source_up_failed THEN 3
    WHEN decision > 1 THEN decision
    WHEN source_failed THEN 3
    WHEN source_skipped THEN 2
    WHEN source_removed THEN 0
    ELSE decision END
  FROM (
    SELECT CASE
      WHEN NOT has_upstream OR rule = 10 THEN 1
      WHEN is_teardown THEN CASE WHEN direct = 1 AND scope_pending > 0 THEN 0 ELSE direct END
      WHEN above > 0 AND NOT above_met THEN above
      WHEN direct > 1 THEN direct
      WHEN above > 0 THEN above
      WHEN NOT above_met THEN 0
      ELSE direct END AS decision
    FROM (
      SELECT
        CASE WHEN total > 0 THEN app.decide(rule, total, ok, failed, up_failed, skipped, removed, setups, setups_ok,
                                            setups_skipped, map_index)
             WHEN rule = 3 THEN 3 WHEN rule IN (5, 6, 7, 11) THEN 2 ELSE 1 END AS direct,
        CASE WHEN above_failed > 0 THEN 3 WHEN above_skipped > 0 THEN 2
             WHEN above_removed > 0 AND above_ok > 0 AND map_index > -1 AND map_index >= above_ok THEN 4
             ELSE 0 END AS above,
        above_ok >= above_total - CASE WHEN map_index > -1 THEN above_removed ELSE 0 END AS above_met
    ) parts
  ) decided
$$;
GRANT EXECUTE ON FUNCTION app.weigh TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- How many instances a task has inside the mapped group at `depth` (1: the outermost) of those around it.
CREATE OR REPLACE FUNCTION app.map_inside(lengths int[], depth int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN lengths IS NULL THEN 1 ELSE (
    SELECT coalesce(round(exp(sum(ln(greatest(n, 1)::float8)))), 1)::int FROM unnest(lengths[depth + 1:]) AS l(n)) END
$$;
GRANT EXECUTE ON FUNCTION app.map_inside TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- Whether a run has a task with these dates of its own: Airflow's `task_filter`. Backfills have all.
CREATE OR REPLACE FUNCTION app.has_task(
  run_type text, logical_date timestamptz, start_date timestamptz, end_date timestamptz
) RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT run_type = 'backfill' OR logical_date IS NULL
    OR (start_date IS NULL OR start_date <= logical_date) AND (end_date IS NULL OR logical_date <= end_date)
$$;
GRANT EXECUTE ON FUNCTION app.has_task TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- UUIDv7 inside the database: Postgres 18's own where there is one.
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    CREATE OR REPLACE FUNCTION app.uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT uuidv7()';
  ELSE
    CREATE OR REPLACE FUNCTION app.uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $f$
      SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
    $f$;
  END IF;
END $$;
GRANT EXECUTE ON FUNCTION app.uuid7() TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- An instant as Airflow's SDK serialises a datetime in UTC: what a task resumes with is read by it.
CREATE OR REPLACE FUNCTION app.sdk_instant(at timestamptz) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_object('__classname__', 'datetime.datetime', '__version__', 2, '__data__', jsonb_build_object(
    'timestamp', extract(epoch FROM at),
    'tz', jsonb_build_object('__classname__', 'builtins.tuple', '__version__', 1,
                             '__data__', jsonb_build_array('UTC', 'pendulum.tz.timezone.Timezone', 1, true))))
$$;
GRANT EXECUTE ON FUNCTION app.sdk_instant TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- The events of assets that a run consumed, as the Task Execution API tells them to its tasks: oldest first.
CREATE OR REPLACE FUNCTION app.consumed_events(run uuid) RETURNS jsonb LANGUAGE sql STABLE AS $f$
  SELECT jsonb_agg(jsonb_build_object(
    'asset', jsonb_build_object('name', a.name, 'uri', a.uri, 'extra', a.extra),
    'extra', e.extra, 'source_task_id', e.source_task_id, 'source_dag_id', e.source_dag_id,
    'source_run_id', e.source_run_id, 'source_map_index', e.source_map_index,
    'source_aliases', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('name', l.name) ORDER BY l.name), '[]')
      FROM asset_alias_event t
      JOIN asset_alias l ON l.tenant_id = (SELECT app.tenant()) AND l.id = t.alias_id
      WHERE t.tenant_id = (SELECT app.tenant()) AND t.event_id = e.id),
    'timestamp', e.timestamp, 'partition_key', e.partition_key) ORDER BY e.timestamp, e.serial)
  FROM asset_event_run c
  JOIN asset_event e ON e.tenant_id = (SELECT app.tenant()) AND e.id = c.event_id
  JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.id = e.asset_id
  WHERE c.tenant_id = (SELECT app.tenant()) AND c.dag_run_id = run
$f$;
GRANT EXECUTE ON FUNCTION app.consumed_events TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- What bounds a tenant, from where it is kept: its plan's limits (its own plan, or its organisation's, or the default
-- one), those of its organisation, and its overrides, each over the one before; null there is no limit. `own` is what
-- the tenant set for itself. Statements read it where they bind: nothing is copied.
CREATE OR REPLACE VIEW app.tenant_bound WITH (security_invoker = true) AS
SELECT t.id AS tenant_id,
       coalesce(p.limits, '{}') || coalesce(o.overrides, '{}') || coalesce(q.overrides, '{}') AS given,
       t.settings -> 'limits' AS own, t.settings, t.max_active_tasks, t.state
FROM tenant t
LEFT JOIN tenant_quota q ON q.tenant_id = t.id
LEFT JOIN organisation_quota o ON o.organisation_id = t.organisation_id
LEFT JOIN LATERAL (
  SELECT limits FROM plan WHERE name = q.plan OR name = o.plan OR is_default
  ORDER BY name IS NOT DISTINCT FROM q.plan DESC, name IS NOT DISTINCT FROM o.plan DESC LIMIT 1 OFFSET 0
) p ON true;
GRANT SELECT ON app.tenant_bound TO aerodrome_app, aerodrome_granted, aerodrome_sched;

-- Whoever writes a bundle version uses its artefact: one row per tenant and digest (`artefact_use`).
CREATE OR REPLACE FUNCTION app.use_artefact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO artefact_use (id, tenant_id, digest) VALUES (app.uuid7(), NEW.tenant_id, NEW.digest)
  ON CONFLICT (tenant_id, digest) DO NOTHING;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER bundle_version_artefact AFTER INSERT ON bundle_version
FOR EACH ROW EXECUTE FUNCTION app.use_artefact();
