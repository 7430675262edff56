"""What must be true of a tenant's rows between any two transactions, whoever moved what.

`check(tenant)` fails with every violation at once. `at_rest=True` also says that nothing due is left.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

_TERMINAL = "('success', 'failed', 'skipped', 'upstream_failed', 'removed')"
_PENDING = "(SELECT ref FROM work_item WHERE kind = 'finished')"

INVARIANTS: dict[str, str] = {
    "a pool holds no more than its slots": """
        SELECT p.name, p.slots, sum(ti.pool_slots) FROM pool p JOIN task_instance ti ON ti.pool = p.name
        WHERE p.slots >= 0 AND (ti.state IN ('queued', 'running', 'restarting')
                                OR ti.state = 'deferred' AND p.include_deferred)
        GROUP BY p.id HAVING sum(ti.pool_slots) > p.slots""",
    "a run has no more active tasks than its DAG's max_active_tasks": """
        SELECT ti.run_id, d.max_active_tasks, count(*) FROM task_instance ti JOIN dag d ON d.dag_id = ti.dag_id
        WHERE ti.state IN ('queued', 'running', 'restarting')
        GROUP BY ti.dag_run_id, ti.run_id, d.id HAVING count(*) > d.max_active_tasks""",
    "a DAG has no more running runs than max_active_runs": """
        SELECT d.dag_id, d.max_active_runs, count(*) FROM dag d JOIN dag_run r ON r.dag_id = d.dag_id
        WHERE r.state = 'running' AND r.backfill_id IS NULL
        GROUP BY d.id HAVING count(*) > d.max_active_runs""",
    "exactly the tasks of backfills yield": """
        SELECT r.run_id, ti.task_id FROM task_instance ti JOIN dag_run r ON r.id = ti.dag_run_id
        WHERE ti.yields <> (r.backfill_id IS NOT NULL)""",
    "active_runs counts the running runs": """
        SELECT d.dag_id, d.active_runs, count(r.id) FROM dag d
        LEFT JOIN dag_run r ON r.dag_id = d.dag_id AND r.state = 'running'
        GROUP BY d.id HAVING count(r.id) <> d.active_runs""",
    "unfinished counts the instances that are not over or not propagated": f"""
        SELECT r.run_id, r.unfinished, count(ti.id) FROM dag_run r LEFT JOIN task_instance ti
          ON ti.dag_run_id = r.id AND (ti.state IS NULL OR ti.state NOT IN {_TERMINAL} OR ti.id IN {_PENDING})
        GROUP BY r.id HAVING count(ti.id) <> r.unfinished""",
    "failed_leaves counts the propagated deciding instances that failed": f"""
        SELECT r.run_id, r.failed_leaves, count(ti.id) FROM dag_run r
        LEFT JOIN (task_instance ti JOIN dag_task t ON t.dag_version_id = ti.dag_version_id
                   AND t.task_index = ti.task_index AND t.is_leaf)
          ON ti.dag_run_id = r.id AND ti.state IN ('failed', 'upstream_failed') AND ti.id NOT IN {_PENDING}
        GROUP BY r.id HAVING count(ti.id) <> r.failed_leaves""",
    "a run is over exactly when nothing of it is unfinished": """
        SELECT run_id, state, unfinished FROM dag_run
        WHERE state IN ('success', 'failed') AND unfinished > 0
             AND coalesce(fails_by, '') NOT IN ('backfill_cancelled', 'no_data_interval')
           OR state = 'running' AND unfinished <= 0
             AND id NOT IN (SELECT ref FROM work_item WHERE kind = 'revive')""",
    "a run's state is what its deciding instances say": """
        SELECT run_id, state, failed_leaves FROM dag_run
        WHERE state = 'success' AND failed_leaves > 0 OR state = 'failed' AND failed_leaves = 0 AND fails_by IS NULL""",
    "a waiting instance counts exactly its propagated upstreams": f"""
        SELECT w.run_id, w.task_id, w.upstream_total, count(u.id),
               w.upstream_success, w.upstream_failed, w.upstream_upstream_failed, w.upstream_skipped
        FROM task_instance w
        LEFT JOIN (dag_task t JOIN task_instance u ON u.dag_version_id = t.dag_version_id
                   AND u.task_index = t.task_index)
          ON u.dag_run_id = w.dag_run_id AND w.task_index = ANY(t.downstream)
        WHERE w.state IS NULL AND NOT EXISTS (  -- what was changed by hand counts anew when it is revived
          SELECT FROM dag_run r WHERE r.id = w.dag_run_id AND (r.state IN ('success', 'failed')
            OR r.state = 'queued' AND r.epoch > 1 OR r.id IN (SELECT ref FROM work_item WHERE kind = 'revive')))
          AND NOT EXISTS (  -- who reads what is above does not count it
          SELECT FROM dag_task me WHERE me.dag_version_id = w.dag_version_id AND me.task_index = w.task_index
            AND me.readings IS NOT NULL)
        GROUP BY w.id HAVING count(u.id) <> w.upstream_total
          OR (w.upstream_success, w.upstream_failed, w.upstream_upstream_failed, w.upstream_skipped,
              w.upstream_removed) <> (
            count(*) FILTER (WHERE u.state = 'success' AND u.id NOT IN {_PENDING}),
            count(*) FILTER (WHERE u.state = 'failed' AND u.id NOT IN {_PENDING}),
            count(*) FILTER (WHERE u.state = 'upstream_failed' AND u.id NOT IN {_PENDING}),
            count(*) FILTER (WHERE u.state = 'skipped' AND u.id NOT IN {_PENDING}),
            count(*) FILTER (WHERE u.state = 'removed' AND u.id NOT IN {_PENDING}))""",
    "a queued instance has one unclaimed workload of its epoch": """
        SELECT ti.run_id, ti.task_id, ti.map_index, ti.epoch, count(w.id) FROM task_instance ti
        LEFT JOIN workload w ON w.kind = 'task' AND w.ref = ti.id AND w.epoch = ti.epoch AND w.agent_id IS NULL
        WHERE ti.state = 'queued' GROUP BY ti.id HAVING count(w.id) <> 1""",
    "a task's workload is of an instance that is queued or running in that epoch": """
        SELECT w.ref, w.epoch, w.agent_id, ti.state, ti.epoch FROM workload w
        LEFT JOIN task_instance ti ON ti.id = w.ref
        WHERE w.kind = 'task' AND w.stop IS NULL AND (ti.id IS NULL OR ti.epoch <> w.epoch
          OR ti.state <> CASE WHEN w.agent_id IS NULL THEN 'queued' ELSE 'running' END)""",
    "an attempt that was told to stop counts no more": """
        SELECT w.ref, w.epoch, ti.state, ti.epoch FROM workload w JOIN task_instance ti ON ti.id = w.ref
        WHERE w.kind = 'task' AND w.stop IS NOT NULL AND (w.agent_id IS NULL OR ti.epoch <= w.epoch)""",
    "an agent's running instance has a claimed workload": """
        SELECT ti.run_id, ti.task_id, ti.epoch FROM task_instance ti
        WHERE ti.state = 'running' AND ti.agent_id IS NOT NULL AND NOT EXISTS (
          SELECT FROM workload w WHERE w.kind = 'task' AND w.ref = ti.id AND w.epoch = ti.epoch
                                   AND w.agent_id = ti.agent_id)""",
    "only instances that wait say why they wait": """
        SELECT run_id, task_id, state, held_reason FROM task_instance
        WHERE held_reason IS NOT NULL
          AND (state IS NULL AND past_run_id IS NULL AND held_reason NOT LIKE 'past_missing:%'
               OR state NOT IN ('scheduled', 'deferred', 'awaiting_input', 'up_for_retry'))""",
    "what waits for its time is remembered once": """
        SELECT ti.run_id, ti.task_id, ti.state, count(i.id) FROM task_instance ti
        LEFT JOIN work_item i ON i.kind = 'due' AND i.ref = ti.id
        WHERE ti.state IN ('up_for_retry', 'up_for_reschedule') GROUP BY ti.id HAVING count(i.id) <> 1""",
    "no work item is for nothing": f"""
        SELECT i.kind, i.ref FROM work_item i
        LEFT JOIN task_instance ti ON ti.id = i.ref AND i.kind IN ('finished', 'due')
        LEFT JOIN dag d ON d.id = i.ref AND i.kind IN ('plan', 'start_runs')
        WHERE i.kind = 'finished' AND (ti.id IS NULL OR ti.state NOT IN {_TERMINAL})
           OR i.kind = 'due' AND ti.id IS NULL OR i.kind IN ('plan', 'start_runs') AND d.id IS NULL""",
    "no end is told twice": """
        SELECT kind, ref, count(*) FROM work_item WHERE kind = 'finished' GROUP BY 1, 2 HAVING count(*) > 1""",
}
"""Name -> a query, as the application's role, that gives the rows that break it."""

AT_REST: dict[str, str] = {
    "nothing due is left to do": "SELECT kind, ref FROM work_item WHERE due_at <= clock_timestamp()",
    "no instance of a running run waits for what has happened": """
        SELECT ti.run_id, ti.task_id FROM task_instance ti
        JOIN dag_run r ON r.id = ti.dag_run_id AND r.state = 'running'
        JOIN dag_task t ON t.dag_version_id = ti.dag_version_id AND t.task_index = ti.task_index
        WHERE ti.state IS NULL AND ti.held_reason IS NULL AND t.readings IS NULL AND app.decide(
          ti.trigger_rule, ti.upstream_total, ti.upstream_success,
          ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped, ti.upstream_removed,
          ti.upstream_setup_total, ti.upstream_setup_success, ti.upstream_setup_skipped, ti.map_index) <> 0""",
}


SAID = {
    "a run is over exactly when nothing of it is unfinished",
    "a run's state is what its deciding instances say",
}
"""What need not hold of runs whose state somebody said; their first column is the run."""


def violations(tenant: Tenant, *, at_rest: bool = False, said: Collection[str] = ()) -> list[str]:
    """Every broken invariant with its rows."""
    found = []
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        for name, query in {**INVARIANTS, **(AT_REST if at_rest else {})}.items():
            cursor.execute(query)
            rows = [row for row in cursor.fetchall() if name not in SAID or row[0] not in said]
            found += [f"{name}: {row}" for row in rows]
    return found


def check(tenant: Tenant, *, at_rest: bool = False, said: Collection[str] = ()) -> None:
    """Fails with all that is broken. `said`: runs whose state a person said, by run id."""
    found = violations(tenant, at_rest=at_rest, said=said)
    assert not found, "\n".join(found)
