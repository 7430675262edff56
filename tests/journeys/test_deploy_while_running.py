"""A push while a run is in the middle: that run ends on the version it began with, the next one is new."""

from __future__ import annotations

from tests.support.stack_tenant import StackTenant

DAG = """
    import time
    from pathlib import Path

    from airflow.sdk import dag, task

    VERSION = {version}

    @dag(schedule=None)
    def changing():
        @task
        def begin():
            print("begun")
            time.sleep({seconds})
            return VERSION

        @task
        def {middle}(before):
            return [before, VERSION, (Path(__file__).parent / "beside.txt").read_text()]

        @task
        def end(rows):
            return [*rows, VERSION]

        end({middle}(begin()))

    changing()
"""


def test_a_run_ends_on_the_version_it_began_with(tenant: StackTenant) -> None:
    first = DAG.format(version=1, seconds=4, middle="old_middle")
    tenant.deploy({"dags/changing.py": first, "dags/beside.txt": "one"}, "changing")
    run = tenant.trigger("changing")
    tenant.until_state(run, "begin", "running")
    second = DAG.format(version=2, seconds=0, middle="new_middle")
    pushed = tenant.push({"dags/changing.py": second, "dags/beside.txt": "two"})
    assert any("changed, version 2" in line for line in pushed.remote), pushed.said
    assert tenant.states(run)["begin"] == "running", "the push was in the middle of the run"
    fresh = tenant.trigger("changing")
    assert tenant.until_over(run, fresh) == ["success", "success"]
    assert tenant.xcom(run, "end") == [1, 1, "one", 1]
    assert tenant.xcom(fresh, "end") == [2, 2, "two", 2]
    assert set(tenant.states(run)) == {"begin", "old_middle", "end"}
    assert set(tenant.states(fresh)) == {"begin", "new_middle", "end"}
