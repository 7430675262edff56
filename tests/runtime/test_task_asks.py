"""What a task asks of the Task Execution API goes out with its own token, and comes back as Airflow's results."""

from __future__ import annotations

from tests.support.agent_process import AgentProcess, Works


def test_a_variable_is_fetched_with_the_attempts_token(agent: AgentProcess, gateway, works) -> None:
    gateway.answers["GET", "variables/colour"] = (200, {"key": "colour", "value": "green"})
    work = works.task(dag_id="tried", task_id="reads_a_variable", path="tried.py")
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success"
    assert gateway.operations(work, "xcom_set")[0]["value"] == "green"
    assert [token for _, path, _, token, _ in gateway.asked if path == "variables/colour"] == [
        work.task.token
    ]


def test_an_absent_variable_is_an_answer(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="reads_a_missing_variable", path="tried.py")
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success"
    assert gateway.operations(work, "xcom_set")[0]["value"] == "fallback"


def test_a_wrong_token_is_refused(agent: AgentProcess, gateway, works) -> None:
    """Negative control: the API's refusal reaches the task, which fails."""
    gateway.answers["GET", "variables/colour"] = (200, {"key": "colour", "value": "green"})
    work = works.task(dag_id="tried", task_id="reads_a_variable", path="tried.py")
    gateway.revoked.add(work.task.token)
    gateway.give(work)
    assert gateway.finished(work)["state"] == "failed"


def test_what_was_written_is_committed_before_the_next_question(agent: AgentProcess, gateway, works) -> None:
    """The barrier: rendered fields are committed when the variable is asked for, not with the state."""
    gateway.answers["GET", "variables/colour"] = (200, {"key": "colour", "value": "blue"})
    work = works.task(dag_id="tried", task_id="reads_a_variable", path="tried.py")
    before = len(gateway.report_batches)
    gateway.give(work)
    gateway.finished(work)
    assert len(gateway.report_batches) - before >= 2


def test_a_file_that_asks_at_import_is_loaded_with_its_task(agent: AgentProcess, gateway) -> None:
    """Loaded ahead there is nobody to answer; the task loads the file again with its own right."""
    dag = (
        "from airflow.sdk import DAG, Variable, task\nNAME = Variable.get('suffix')\n"
        "with DAG('asks', schedule=None):\n    @task(task_id='say_' + NAME)\n    def say():\n"
        "        return NAME\n    say()\n"
    )
    gateway.answers["GET", "variables/suffix"] = (200, {"key": "suffix", "value": "blue"})
    works = Works(gateway, {"dags.py": dag})
    work = works.task(dag_id="asks", task_id="say_blue")
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success", gateway.log_events(work)
    assert gateway.operations(work, "xcom_set")[0]["value"] == "blue"
    assert {token for _, path, _, token, _ in gateway.asked if path == "variables/suffix"} == {
        work.task.token
    }


LONG = (
    "from airflow.sdk import DAG, task\n"
    "with DAG('long', schedule=None):\n"
    "    @task\n    def listing():\n        return list(range(101))\n"
    "    @task\n    def each(n):\n        return n\n"
    "    each.expand(n=listing())\n"
)


def test_a_long_list_to_map_over_is_asked_about_and_may_be_refused(agent: AgentProcess, gateway) -> None:
    """Written behind it would be acknowledged before anybody could say that it is too long."""
    works = Works(gateway, {"dags.py": LONG})
    for status, state in ((400, "failed"), (201, "success")):
        work = works.task(dag_id="long", task_id="listing")
        place = f"xcoms/long/{work.task.ti['run_id']}/listing/return_value"
        detail = {"reason": "unmappable_return_value_length", "message": "pushed value is too large"}
        gateway.answers["POST", place] = (status, {"detail": detail} if status == 400 else {"message": "set"})
        gateway.give(work)
        ended = gateway.finished(work)
        assert ended["state"] == state, gateway.log_events(work)
        assert gateway.operations(work, "xcom_set") == []
        assert ("POST", place) in [(method, path) for method, path, *_ in gateway.asked]
