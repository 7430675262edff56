"""Task logs: bytes by offset, safe names, nothing outside the root."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controlplane.execution import logs
from controlplane.execution.log_contract import LogStore, LogStoreFull
from controlplane.execution.log_files import LogFiles, LogKeyInvalid

TENANT = UUID("01920000-0000-7000-8000-000000000001")
OTHER = UUID("01920000-0000-7000-8000-000000000002")
PLACE: dict[str, Any] = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1}
KEY = f"{TENANT}/d/r/t/-1/1.log"


@pytest.fixture(params=["files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LogStore:
    (tmp_path / "logs").mkdir()
    return LogFiles(root=tmp_path / "logs")


def test_grows(store: LogStore) -> None:
    assert store.size(key=KEY) == 0
    assert store.read(key=KEY, offset=0, limit=10) == b""
    assert store.append(key=KEY, offset=0, data=b"hello ") == 6
    assert store.append(key=KEY, offset=6, data=b"world") == 11
    assert store.read(key=KEY, offset=0, limit=100) == b"hello world"
    assert store.read(key=KEY, offset=6, limit=3) == b"wor"
    assert store.read(key=KEY, offset=99, limit=3) == b""
    assert store.size(key=KEY) == 11


def test_same_segment_twice_and_overlap(store: LogStore) -> None:
    store.append(key=KEY, offset=0, data=b"abc")
    assert store.append(key=KEY, offset=0, data=b"abc") == 3
    assert store.append(key=KEY, offset=1, data=b"XXdef") == 6
    assert store.read(key=KEY, offset=0, limit=9) == b"abcdef", "what is stored stays"


def test_gap_is_not_stored(store: LogStore) -> None:
    store.append(key=KEY, offset=0, data=b"abc")
    assert store.append(key=KEY, offset=4, data=b"e") == 3
    assert store.append(key=KEY, offset=3, data=b"") == 3
    assert store.read(key=KEY, offset=0, limit=9) == b"abc"


@given(cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=30))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_segments_in_any_order(tmp_path: Path, cuts: list[tuple[int, int]]) -> None:
    """Segments of one text, lost, doubled and out of order: what is stored is always a beginning of it."""
    text = bytes(range(90))
    store = LogFiles(root=tmp_path)
    key = logs.log_key(tenant_id=TENANT, **{**PLACE, "run_id": str(cuts)[:180]})
    for offset, length in cuts:
        stored = store.append(key=key, offset=offset, data=text[offset : offset + length])
        assert store.read(key=key, offset=0, limit=1000) == text[:stored]


def test_two_writers(store: LogStore) -> None:
    text = os.urandom(20_000)

    def write() -> None:
        at = 0
        while at < len(text):
            at = store.append(key=KEY, offset=at, data=text[at : at + 100])

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.read(key=KEY, offset=0, limit=30_000) == text


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        f"{TENANT}/../{OTHER}/t/-1/1.log",
        f"{TENANT}/d/../t/-1/1.log",
        f"{TENANT}/d/r/t/-1/1.log/../../../../../../x/1/1.log",
        f"{TENANT}/d/r/t/-1/1.txt",
        f"{TENANT}/d/r/t/-1/1.log\n",
        f"{TENANT}/d/r/t/x/1.log",
        f"{TENANT}/d//t/-1/1.log",
        f"{TENANT}/.hidden/r/t/-1/1.log",
        f"{TENANT}/a b/r/t/-1/1.log",
        f"{TENANT}/a\x00/r/t/-1/1.log",
        "not-a-tenant/d/r/t/-1/1.log",
        f"{TENANT}/{'d' * 201}/r/t/-1/1.log",
    ],
)
def test_keys_that_are_none(store: LogStore, key: str) -> None:
    for call in (
        lambda: store.append(key=key, offset=0, data=b"x"),
        lambda: store.read(key=key, offset=0, limit=1),
        lambda: store.size(key=key),
    ):
        with pytest.raises(LogKeyInvalid):
            call()


@pytest.mark.parametrize("linked", ["tenant", "run", "file"])
def test_no_link_is_followed(store: LogStore, tmp_path: Path, linked: str) -> None:
    """Whatever got a link into the folder, nothing is read or written through it."""
    secret = tmp_path / "outside" / "1.log"
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    store.append(key=KEY, offset=0, data=b"x")
    real = tmp_path / "logs" / str(TENANT)
    at = {"tenant": real, "run": real / "d" / "r", "file": real / "d/r/t/-1/1.log"}[linked]
    at.rename(tmp_path / "moved")
    at.symlink_to(secret if linked == "file" else secret.parent)
    with pytest.raises(OSError):
        store.read(key=KEY, offset=0, limit=10)
    with pytest.raises(OSError):
        store.append(key=KEY, offset=0, data=b"changed")
    assert secret.read_bytes() == b"secret"


def test_disk_full(store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a segment fits: the error says so, and the sender goes on from what is stored."""
    store.append(key=KEY, offset=0, data=b"abc")
    real = os.pwrite
    room = [2]

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data)[: room[0]]
        room[0] -= len(part)
        return real(descriptor, part, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(LogStoreFull):
        store.append(key=KEY, offset=3, data=b"defg")
    room[0] = 100
    assert store.append(key=KEY, offset=store.size(key=KEY), data=b"fg") == 7
    assert store.read(key=KEY, offset=0, limit=9) == b"abcdefg"


_name = st.text(min_size=1, max_size=250).filter(lambda name: "\x00" not in name)


@example(one=("..", "."), two=(".", ".."))
@example(one=("a/b", "c"), two=("a", "b/c"))
@example(one=("é" * 250, "r"), two=("é" * 249 + "e", "r"))
@example(one=("~", "r"), two=("%7E", "r"))
@given(one=st.tuples(_name, _name), two=st.tuples(_name, _name))
@settings(max_examples=150, deadline=None)
def test_every_name_has_its_own_key(one: tuple[str, str], two: tuple[str, str]) -> None:
    from controlplane.execution.log_files import _KEY

    try:
        keys = [
            logs.log_key(tenant_id=TENANT, **{**PLACE, "dag_id": dag, "run_id": run})
            for dag, run in (one, two)
        ]
    except UnicodeEncodeError:
        return  # half a surrogate pair: Postgres does not hold such names
    assert all(_KEY.fullmatch(key) and key.count("/") == 5 for key in keys)
    assert (keys[0] == keys[1]) == (one == two)


def test_key_reads_like_what_it_names() -> None:
    key = logs.log_key(
        tenant_id=str(TENANT),
        dag_id="sales.daily",
        run_id="scheduled__2026-01-01T00:00:00+00:00",
        task_id="group.load",
        map_index=3,
        try_number=2,
    )
    assert key == f"{TENANT}/sales.daily/scheduled__2026-01-01T00%3A00%3A00%2B00%3A00/group.load/3/2.log"


def test_files_are_private(tmp_path: Path) -> None:
    store = LogFiles(root=tmp_path / "not" / "there")
    store.append(key=KEY, offset=0, data=b"x")
    path = tmp_path / "not" / "there" / KEY
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_settings_say_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "STORE_DIR", tmp_path)
    assert logs.size(KEY) == 0, "reading before the first log was written"
    assert logs.append(key=KEY, offset=0, data=b"abc") == 3
    assert (tmp_path / "logs" / KEY).read_bytes() == b"abc"
    assert logs.read(key=KEY, offset=1, limit=1) == b"b"
    assert logs.size(KEY) == 3
    stranger = KEY.replace(str(TENANT), str(OTHER))
    assert logs.read(key=stranger, offset=0, limit=9) == b""


def test_sizes_are_those_of_all_logs_below(store: LogStore) -> None:
    """By the folder below the tenant's; another tenant's are not in it, and a tenant without logs has none."""
    mine, other = "0" * 8 + "-0000-0000-0000-" + "0" * 12, "1" * 8 + "-0000-0000-0000-" + "1" * 12
    for key, size in ((f"{mine}/a/r/t/-1/1.log", 3), (f"{mine}/a/r2/t/0/2.log", 4), (f"{mine}/b/r/t/-1/1.log", 5),
                      (f"{other}/a/r/t/-1/1.log", 9)):  # fmt: skip
        store.append(key=key, offset=0, data=b"x" * size)
    assert store.sizes(folder=mine) == {"a": 7, "b": 5}
    assert store.sizes(folder="2" * 8 + "-0000-0000-0000-" + "2" * 12) == {}
    with pytest.raises(LogKeyInvalid):
        store.sizes(folder="..")
