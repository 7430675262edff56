"""The supervisor with stand-in processes: order, restarts, refusals, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from launcher import pids
from launcher.processes import ProcessSpec
from launcher.supervisor import Supervisor, TableInvalid
from tests.launcher.watched import watched

RUN = "import time\nwhile True: time.sleep(60)"
STUBBORN = (
    "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nopen('{ready}', 'w')\n" + "time.sleep(600)"
)


def _table(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "table.json"
    file.write_text(json.dumps(rows))
    return file


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    with watched("table", _table(tmp_path, {"name": "a", "program": RUN})) as program:
        pid = program.wait_process("a", lambda state, *_: state == "healthy")
        for restarts in (1, 2, 3):
            os.kill(pid, signal.SIGKILL)
            pid = program.wait_process(
                "a", lambda state, _, count, want=restarts: state == "healthy" and count == want
            )
            assert pids.is_alive(pid=pid)


def test_a_process_waits_for_those_it_stands_on(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    rows = (
        {"name": "above", "program": RUN, "after": ["below"]},
        {"name": "below", "program": f"open({str(ready)!r}, 'w')\n{RUN}", "ready_file": str(ready)},
    )
    with watched("table", _table(tmp_path, *rows)) as program:
        program.wait_ready()
    states = [event["processes"] for event in program.events if "processes" in event]
    assert all(now["below"][0] == "healthy" for now in states if now["above"][0] in ("starting", "healthy"))
    assert any(now["above"][0] == "waiting" for now in states)


def test_they_are_stopped_in_reverse(tmp_path: Path) -> None:
    said = tmp_path / "said"
    last_words = "import signal, sys, time\n" + (
        f"signal.signal(15, lambda *_: (open({str(said)!r}, 'a').write('NAME\\n'), sys.exit()))\n"
        "open('NAME-ready', 'w')\nwhile True: time.sleep(60)"
    )
    rows = [
        {"name": name, "program": last_words.replace("NAME", name), "after": after,
         "ready_file": str(tmp_path / f"{name}-ready")}
        for name, after in (("one", []), ("two", ["one"]), ("three", ["two"]))
    ]  # fmt: skip
    with watched("table", _table(tmp_path, *rows)) as program:
        program.wait_ready()
        program.child.terminate()
        assert program.end() == 0
    assert said.read_text().split() == ["three", "two", "one"]


def test_one_that_ignores_the_request_is_killed_after_its_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    row = {"name": "a", "program": STUBBORN.format(ready=ready), "ready_file": str(ready)}
    with watched("table", _table(tmp_path, row | {"grace_seconds": 0.2})) as program:
        program.wait_ready()
        pid = _last_pid(program.events, "a")
        program.child.terminate()
        assert program.end() == 0
    assert not pids.is_alive(pid=pid)
    assert any("did not stop in time" in event.get("tell", "") for event in program.events)


def test_one_that_cannot_start_ends_the_start_with_its_log(tmp_path: Path) -> None:
    rows = (
        {"name": "good", "program": RUN},
        {"name": "bad", "program": "print('the reason')\nraise SystemExit(3)", "ready_file": "/nowhere"},
    )
    with watched("table", _table(tmp_path, *rows)) as program:
        failed = program.wait_for(lambda event: "failed" in event)["failed"]
        assert program.end() == 1
    assert "bad ended 3 times" in failed and "exit status 3" in failed and "the reason" in failed
    assert program.events[-2]["processes"]["good"][0] == "stopped"


def test_one_that_never_answers_ends_the_start(tmp_path: Path) -> None:
    row = {"name": "mute", "program": RUN, "ready_file": "/nowhere", "ready_within_seconds": 0.3}
    with watched("table", _table(tmp_path, row)) as program:
        assert "mute was not ready within" in program.wait_for(lambda event: "failed" in event)["failed"]
        assert program.end() == 1


def test_a_one_shot_runs_once_and_must_succeed(tmp_path: Path) -> None:
    good = {"name": "once", "program": "print('done')", "one_shot": True}
    rows = (good, {"name": "a", "program": RUN, "after": ["once"]})
    with watched("table", _table(tmp_path, *rows)) as program:
        program.wait_ready()
        assert [event["processes"]["once"][0] for event in program.events if "processes" in event][-1] == (
            "finished"
        )
    bad = {"name": "once", "program": "raise SystemExit('no such table')", "one_shot": True}
    with watched("table", _table(tmp_path, bad)) as program:
        assert "no such table" in program.wait_for(lambda event: "failed" in event)["failed"]


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with watched("table", _table(tmp_path, {"name": "a", "program": RUN})) as program:
        program.wait_ready()
        pid = _last_pid(program.events, "a")
        program.child.kill()
        assert pids.wait_until_dead(pid=pid, timeout_seconds=30)


def test_a_child_inherits_no_variable_and_no_file(tmp_path: Path) -> None:
    program_text = (
        "import os\nprint(sorted(os.environ), sorted(os.listdir('/proc/self/fd')), flush=True)\n"
        f"open('ready', 'w')\n{RUN}"
    )
    row = {"name": "a", "program": program_text, "ready_file": str(tmp_path / "ready")}
    with watched("table", _table(tmp_path, row)) as program:
        program.wait_ready()
    words = (tmp_path / "a.log").read_text()
    assert words.startswith(("[] [", "['LC_CTYPE'] [")), words  # Python itself adds LC_CTYPE
    assert "['0', '1', '2', '3']" in words  # 3 is the listing itself


@pytest.mark.parametrize("after", [("nobody",), ("a",)])
def test_a_table_that_waits_for_ever_is_refused(tmp_path: Path, after: tuple[str, ...]) -> None:
    spec = ProcessSpec("a", ("true",), {}, tmp_path, tmp_path / "a.log", after=after)
    with pytest.raises(TableInvalid, match=r"each other: a$"):
        Supervisor([spec], on_change=lambda _: None, on_ready=lambda: None, tell=lambda _: None)


def _last_pid(events: list[dict[str, Any]], name: str) -> int:
    pids_seen = [event["processes"][name][1] for event in events if "processes" in event]
    return int(next(pid for pid in reversed(pids_seen) if pid is not None))
