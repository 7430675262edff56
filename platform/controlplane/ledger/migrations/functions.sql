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
GRANT EXECUTE ON FUNCTION app.decide TO aerodrome_app, aerodrome_sched;

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
GRANT EXECUTE ON FUNCTION app.uuid7() TO aerodrome_app, aerodrome_sched;
