"""Mapped task groups end to end: real tasks of a real Airflow get the values of their own index."""

from __future__ import annotations

import json

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/grouped.py": """
        from airflow.sdk import dag, task, task_group
        from airflow.sdk.exceptions import AirflowSkipException


        @dag(schedule=None)
        def grouped():
            @task
            def numbers():
                return [1, 2, 3]

            @task_group
            def each(n, tag):
                @task
                def double(n):
                    if n == 2:
                        raise AirflowSkipException("two is left out")
                    return n * 2

                @task
                def add(doubled, n, tag):
                    return f"{tag}{doubled + n}"

                @task(trigger_rule="all_done")
                def always(n):
                    return n

                done = add(double(n), n, tag)
                done >> always(n)
                return done

            @task(trigger_rule="all_done")
            def gather(values):
                return sorted(values)

            @task
            def show(pair):
                return list(pair)

            @task
            def refuse_odd(value):
                if value % 2:
                    raise AirflowSkipException("odd")
                return value

            @task(trigger_rule="none_failed")
            def total(values):
                return sum(values)

            ns = numbers()
            gather(each.partial(tag="t").expand(n=ns))
            show.expand(pair=ns.zip(ns.map(lambda n: n + 10), fillvalue=0))
            total(refuse_odd.expand(value=ns.concat(ns)))
            product.expand(a=[1, 2], b=ns)
            keyed.expand_kwargs([{"a": 1, "b": 2}, {"a": 3, "b": 4}])


        @task
        def product(a, b):
            return [a, b]


        @task
        def keyed(a, b):
            return a + b


        grouped()
    """,
    "dags/nested.py": """
        from airflow.sdk import dag, task, task_group


        @dag(schedule=None)
        def nested():
            @task_group
            def outer(a):
                @task_group
                def inner(b):
                    @task
                    def say(b):
                        return b

                    say(b)

                @task
                def before(a):
                    return a

                before(a) >> inner.expand(b=["x", "y"])

            @task
            def after():
                return "after"

            outer.expand(a=[1, 2, 3]) >> after()


        nested()
    """,
}


@pytest.fixture(scope="module")
def ended(_shared_stack: Stack) -> tuple[StackTenant, Run, Run]:
    tenant = _shared_stack.sign_up()
    tenant.deploy(FILES, "grouped", "nested")
    runs = tenant.trigger("grouped"), tenant.trigger("nested")
    assert tenant.until_over(*runs) == ["success", "success"]
    return tenant, *runs


def _xcoms(tenant: StackTenant, run: Run, task_id: str) -> dict[int, object]:
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/xcomEntries"
    found = {}
    for row in tenant.call("GET", f"{path}?limit=100")["xcom_entries"]:
        entry = tenant.call("GET", f"{path}/return_value?map_index={row['map_index']}&deserialize=true")
        value = entry["value"]
        found[row["map_index"]] = json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
    return found


def _states(tenant: StackTenant, run: Run) -> dict[tuple[str, int], str]:
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances?limit=200"
    return {(r["task_id"], r["map_index"]): r["state"] for r in tenant.call("GET", path)["task_instances"]}


def test_each_index_waits_for_its_own_upstream(ended: tuple[StackTenant, Run, Run]) -> None:
    tenant, run, _ = ended
    states = _states(tenant, run)
    assert [states["each.double", n] for n in range(3)] == ["success", "skipped", "success"]
    assert [states["each.add", n] for n in range(3)] == ["success", "skipped", "success"]
    assert [states["each.always", n] for n in range(3)] == ["success"] * 3
    assert states["gather", -1] == "success"
    assert [states["refuse_odd", n] for n in range(6)] == ["skipped", "success", "skipped"] * 2


def test_each_index_gets_its_own_values(ended: tuple[StackTenant, Run, Run]) -> None:
    tenant, run, _ = ended
    assert _xcoms(tenant, run, "each.double") == {0: 2, 2: 6}
    assert _xcoms(tenant, run, "each.add") == {0: "t3", 2: "t9"}
    assert _xcoms(tenant, run, "gather") == {-1: ["t3", "t9"]}
    assert _xcoms(tenant, run, "show") == {0: [1, 11], 1: [2, 12], 2: [3, 13]}
    assert _xcoms(tenant, run, "total") == {-1: 4}
    assert sorted(map(str, _xcoms(tenant, run, "product").values())) == sorted(
        str([a, b]) for a in (1, 2) for b in (1, 2, 3)
    )
    assert _xcoms(tenant, run, "keyed") == {0: 3, 1: 7}


def test_nested_groups_multiply(ended: tuple[StackTenant, Run, Run]) -> None:
    tenant, _, run = ended
    states = _states(tenant, run)
    assert sorted(n for task_id, n in states if task_id == "outer.inner.say") == list(range(6))
    assert sorted(n for task_id, n in states if task_id == "outer.before") == list(range(3))
    assert set(states.values()) == {"success"}
