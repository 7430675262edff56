-- Purpose: all that a callback's workload is made of. Locks: none. Index: primary keys. Bound: 1 row.
-- Rows out: the callback, its run, its code; named by `ledger.alerts`.
SELECT c.kind, c.state, c.fence, c.ref, c.epoch, c.task_instance_id, c.task_id, c.map_index, c.try_number,
       c.started_at, c.ended_at, c.hostname, c.reason, c.dag_version_id,
       (SELECT ti.max_tries FROM task_instance ti
        WHERE ti.tenant_id = c.tenant_id AND ti.id = c.task_instance_id),
       r.dag_id, r.run_id, r.run_type, r.state, r.logical_date, r.data_interval_start, r.data_interval_end,
       r.run_after, r.start_date, r.end_date, r.clear_number, r.conf, r.triggering_user_name, r.note,
       r.partition_key, r.queued_at, r.last_scheduling_decision, r.triggered_by,
       b.digest, b.commit_sha, r.runtime_digest, v.content_hash, v.spec ->> 'relative_fileloc',
       (v.spec ->> 'fresh_parse')::boolean, v.version_number
FROM callback c
JOIN dag_run r ON r.id = c.dag_run_id AND r.tenant_id = c.tenant_id
JOIN bundle_version b ON b.id = r.bundle_version_id AND b.tenant_id = r.tenant_id
JOIN dag_version v ON v.id = c.dag_version_id AND v.tenant_id = c.tenant_id
WHERE c.tenant_id = (SELECT app.tenant()) AND c.id = %(id)s::uuid
