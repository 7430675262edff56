"""Parse orders: what a file does to its own child is told as that file's failure, and hurts nobody else."""

from __future__ import annotations

import uuid

import pytest

from taskwire.parsing import ParseOrder
from taskwire.workload import Workload
from tests.support.agent_process import RUNTIME, TENANT, AgentProcess, Works

GOOD = "from airflow.sdk import DAG, task\nwith DAG('good', schedule=None):\n    @task\n    def one(): ...\n    one()\n"
HOSTILE = {
    "loop.py": ("timeout", "from airflow.sdk import DAG\nwhile True:\n    pass\n"),
    "exits.py": ("crash", "from airflow.sdk import DAG\nimport os\nos._exit(3)\n"),
    "kills.py": ("crash", "from airflow.sdk import DAG\nimport os\nos.kill(os.getpid(), 9)\n"),
    "eats.py": (
        "memory",
        "from airflow.sdk import DAG\nheld = bytearray(2 * 1024**3)\nfor at in range(0, len(held), 4096):\n"
        "    held[at] = 1\n",
    ),
    "prints.py": ("output", "from airflow.sdk import DAG\nprint('x' * 10_000_000)\n"),
    "syntax.py": ("syntax", "from airflow.sdk import DAG\ndef (:\n"),
    "bomb.py": ("exception timeout", "from airflow.sdk import DAG\nimport os\nwhile True:\n    os.fork()\n"),
    # The importer words the exception: its alarm goes off in there.
    "words.py": ("timeout", "from airflow.sdk import DAG\nimport sys\nclass Wordy(Exception):\n    def __str__(self):\n"
                 "        while sys._getframe(1).f_code.co_filename.endswith('python_importer.py'):\n"
                 "            pass\n        return 'at last'\nraise Wordy\n"),
    "sleeps.py": ("timeout", "from airflow.sdk import DAG\nimport signal, time\nsignal.signal(signal.SIGALRM, "
                  "signal.SIG_IGN)\ntime.sleep(600)\n"),
    "connects.py": ("exception", "from airflow.sdk import DAG\nimport socket\n"
                    "socket.create_connection(('127.0.0.1', 22), 1)\n"),
}  # fmt: skip


def order(works: Works, *, paths: list[str] | None = None) -> Workload:
    return Workload(
        id=str(uuid.uuid4()),
        tenant_id=TENANT,
        tenant="acme",
        epoch=1,
        kind="parse",
        runtime_digest=RUNTIME,
        parse=ParseOrder(
            bundle_digest=works.digest,
            runtime_digest=RUNTIME,
            paths=paths or [],
            file_timeout_seconds=2.0,
        ),
    )


@pytest.fixture(scope="module")
def report(agent: AgentProcess, gateway) -> dict:
    works = Works(
        gateway, {"good.py": GOOD, "readme.txt": "DAG airflow", **{n: s for n, (_, s) in HOSTILE.items()}}
    )
    work = order(works)
    gateway.give(work)
    gateway.finished(work)
    return gateway.operations(work, "parsed")[0]


def test_the_good_file_is_told_beside_hostile_ones(report: dict) -> None:
    assert report.get("failure") is None
    files = {file["path"]: file for file in report["files"]}
    assert set(files) == {"good.py", *HOSTILE}
    assert [dag["dag_id"] for dag in files["good.py"]["dags"]] == ["good"]
    assert not files["good.py"].get("failures")


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_told_for_what_it_did(report: dict, name: str) -> None:
    (file,) = [file for file in report["files"] if file["path"] == name]
    (failure,) = file["failures"]
    assert failure.get("kind", "exception") in HOSTILE[name][0].split(), file
    assert not file.get("dags")


def test_only_the_files_asked_for(agent: AgentProcess, gateway) -> None:
    works = Works(gateway, {"good.py": GOOD, "other.py": GOOD.replace("good", "other")})
    work = order(works, paths=["other.py"])
    gateway.give(work)
    gateway.finished(work)
    told = gateway.operations(work, "parsed")[0]
    assert [file["path"] for file in told["files"]] == ["other.py"]


def test_an_unknown_bundle_is_one_failure(agent: AgentProcess, gateway) -> None:
    works = Works(gateway, {"good.py": GOOD})
    del gateway.bundles[works.digest]
    work = order(works)
    gateway.give(work)
    gateway.finished(work)
    assert gateway.operations(work, "parsed")[0]["failure"]


def test_a_runtime_that_is_not_there_yet_is_told_as_such(agent: AgentProcess, gateway) -> None:
    work = order(Works(gateway, {"good.py": GOOD}))
    assert work.parse is not None
    work.parse.runtime_digest = "not-built-yet"
    gateway.give(work)
    gateway.finished(work)
    told = gateway.operations(work, "parsed")[0]
    assert told["runtime_missing"]
    assert "must be built first" in told["failure"]


def test_a_bundle_with_other_bytes_is_refused(agent: AgentProcess, gateway) -> None:
    works = Works(gateway, {"good.py": GOOD + "# changed\n"})
    gateway.bundles[works.digest] = gateway.bundles[works.digest] + b"\0"
    work = order(works)
    gateway.give(work)
    gateway.finished(work)
    assert "arrived as" in gateway.operations(work, "parsed")[0]["failure"]
