"""The agent's rules that need no process: masks, endings, archives, the spool."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from aerodrome_runtime.agent.configuration import BadConfiguration, read_settings
from aerodrome_runtime.agent.masking import Mask, sounds_secret
from aerodrome_runtime.agent.operations import state_operation
from aerodrome_runtime.agent.outcome import Ending, conclude
from aerodrome_runtime.agent.spool import Spool
from aerodrome_runtime.agent.unpack import BundleHostile, unpack
from aerodrome_runtime.agent.watching import LATEST_SECONDS, REPEAT_SECONDS, Patience
from taskwire.agent import Operation, Report


def test_a_mask_hides_values_and_sensitive_keys_at_any_depth() -> None:
    mask = Mask(["hunter22"])
    event = {"event": "x hunter22 y", "password": "abc", "deep": [{"api_key": {"a": "b"}, "plain": 1}]}
    assert mask.event(event) == {
        "event": "x *** y",
        "password": "***",
        "deep": [{"api_key": {"a": "***"}, "plain": 1}],
    }


def test_a_mask_leaves_short_words_and_airflow_alone() -> None:
    mask = Mask(["abc", "airflow", ""])
    assert mask.text("abc airflow") == "abc airflow"


def test_a_named_value_is_masked_only_under_a_sensitive_name() -> None:
    mask = Mask()
    mask.add("green-as-grass", name="colour")
    assert mask.text("green-as-grass") == "green-as-grass"
    mask.add({"db": {"password": "deep-one"}, "host": "not-secret"})
    assert mask.text("deep-one not-secret") == "*** not-secret"
    assert sounds_secret("My-API Key") and not sounds_secret("colour")


def test_each_line_of_a_long_secret_is_masked() -> None:
    mask = Mask(["-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----"])
    assert mask.text("abcdefgh") == "***"


@pytest.mark.parametrize(
    ("ending", "reason", "state"),
    [
        (Ending(exit_code=1, signal=None), "exit", "failed"),
        (Ending(exit_code=None, signal=9), "signal", "failed"),
        (
            Ending(exit_code=None, signal=9, memory_killed=True, memory_limit_bytes=1 << 20),
            "memory",
            "failed",
        ),
        (Ending(exit_code=None, signal=9, stopped="timeout"), "timeout", "failed"),
        (Ending(exit_code=0, signal=None, stopped="cleared"), "stopped", "failed"),
        (Ending(exit_code=None, signal=None, zygote_lost=True), "zygote", "failed"),
    ],
)
def test_an_ending_has_one_reason(ending: Ending, reason: str, state: str) -> None:
    outcome = conclude(ending=ending, should_retry=False)
    assert (outcome.state, outcome.died["reason"]) == (state, reason)
    assert conclude(ending=ending, should_retry=True).state == "up_for_retry"
    assert outcome.message


def test_a_clean_exit_without_a_state_is_a_success_as_in_airflow() -> None:
    outcome = conclude(ending=Ending(exit_code=0, signal=None), should_retry=True)
    assert (outcome.state, outcome.died) == ("success", None)


def test_a_state_operation_has_no_type_and_nothing_unset() -> None:
    operation = state_operation({"type": "SucceedTask", "state": "success", "rendered_map_index": None})
    assert operation.body == {"state": "success"}


def archive(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as out:
        for entry in entries:
            out.addfile(entry, io.BytesIO(b"x" * entry.size) if entry.isreg() else None)
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.size = 1 if kind == tarfile.REGTYPE else 0
    for field, value in fields.items():
        setattr(made, field, value)
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        entry("../out"),
        entry("/etc/passwd"),
        entry("a/../../out"),
        entry("link", tarfile.SYMTYPE, linkname="/etc"),
        entry("hard", tarfile.LNKTYPE, linkname="dags.py"),
        entry("pipe", tarfile.FIFOTYPE),
        entry("device", tarfile.CHRTYPE),
    ],
    ids=lambda each: each.name,
)
def test_a_hostile_archive_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    artefact = archive(tmp_path / "b.tar", entry("dags.py"), hostile)
    with pytest.raises(BundleHostile):
        unpack(artefact=artefact, target=tmp_path / "bundle")
    assert not (tmp_path / "out").exists()


def test_an_ordinary_archive_is_unpacked_read_only(tmp_path: Path) -> None:
    artefact = archive(
        tmp_path / "b.tar", entry("dags", tarfile.DIRTYPE), entry("dags/a.py"), entry("x/y/z.py")
    )
    unpack(artefact=artefact, target=tmp_path / "bundle")
    assert (tmp_path / "bundle/x/y/z.py").read_text() == "x"
    assert (tmp_path / "bundle/dags/a.py").stat().st_mode & 0o777 == 0o444


def test_the_spool_survives_a_torn_tail(tmp_path: Path) -> None:
    reports = [
        Report(id=str(n), tenant_id="t", epoch=1, operations=[Operation(kind="state")]) for n in range(3)
    ]
    spool = Spool(tmp_path)
    spool.append(reports)
    spool.close()
    file = tmp_path / "reports"
    file.write_bytes(file.read_bytes()[:-3])
    again = Spool(tmp_path)
    assert [report.id for report in again.load()] == ["0", "1"]
    again.settle([])
    assert again.load() == []
    again.close()


@pytest.mark.parametrize(
    "missing",
    [
        "AERODROME_AGENT_URL",
        "AERODROME_AGENT_EXECUTION_URL",
        "AERODROME_AGENT_TOKEN_FILE",
        "AERODROME_AGENT_DIR",
    ],
)
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    (tmp_path / "token").write_text("t")
    environment = {
        "AERODROME_AGENT_URL": "http://x",
        "AERODROME_AGENT_EXECUTION_URL": "http://x/execution",
        "AERODROME_AGENT_TOKEN_FILE": str(tmp_path / "token"),
        "AERODROME_AGENT_DIR": str(tmp_path),
    }
    assert read_settings(environment).task_network == "none"
    del environment[missing]
    with pytest.raises(BadConfiguration, match=missing):
        read_settings(environment)


def test_a_watcher_that_only_fails_begins_again_later_and_later() -> None:
    patience = Patience()
    assert [patience.ended() for _ in range(8)] == [1, 2, 4, 8, 16, 32, LATEST_SECONDS, LATEST_SECONDS]
    patience.fired()
    assert [patience.ended() for _ in range(3)] == [1, 2, 4], "an event makes up for all failures"


def test_a_watchers_failure_is_told_when_it_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("aerodrome_runtime.agent.watching.time.monotonic", lambda: clock[0])
    patience = Patience()
    assert patience.shall_tell("no mailbox")
    assert not patience.shall_tell("no network")
    clock[0] += LATEST_SECONDS
    assert not patience.shall_tell("no mailbox")
    assert patience.shall_tell("no network")
    clock[0] += REPEAT_SECONDS
    assert patience.shall_tell("no network")
