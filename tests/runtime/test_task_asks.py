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
