"""One tenant's broken secret store is only theirs: bounds on time and threads, and a rest after a failure."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from controlplane.secrets import bounded
from controlplane.secrets.bounded import PER_TENANT, THREADS, BoundedAsking
from controlplane.secrets.null import NullSource
from controlplane.secrets.source import (
    Kind,
    SecretSource,
    SourceBusy,
    SourceDenied,
    SourceSlow,
    SourceUnreachable,
)
from controlplane.secrets.vault import Login, VaultSession, VaultSource
from tests.support.bad_server import BadServer
from tests.support.bao import LOOPBACK


class Stuck:
    """A source whose reader waits until it is cut off (or for good, when `deaf`)."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.cut, self.waiting, self.deaf = threading.Event(), threading.Semaphore(0), deaf

    def read(self, *, kind: Kind, name: str) -> Any:
        self.waiting.release()
        assert self.cut.wait(30)
        raise SourceUnreachable("was cut off")

    def load(self) -> None:
        return

    def abort(self) -> None:
        if not self.deaf:
            self.cut.set()


def ask(asking: BoundedAsking, source: SecretSource, tenant: UUID, store: str = "s", version: int = 1) -> Any:
    return asking.read(
        source=source, tenant_id=tenant, store=store, version=version, kind="variable", name="k"
    )


def test_an_answer() -> None:
    assert ask(BoundedAsking(), NullSource({("variable", "k"): "v"}), uuid4()) == "v"


def test_a_refusal_names_the_store() -> None:
    with pytest.raises(SourceDenied) as refused:
        ask(BoundedAsking(), NullSource({("variable", "k"): SourceDenied("no")}), uuid4(), "main-vault")
    assert refused.value.source == "main-vault"


def test_the_bound_on_time() -> None:
    asking, stuck = BoundedAsking(seconds=0.1), Stuck()
    before = time.monotonic()
    with pytest.raises(SourceSlow, match=r"0\.1 s"):
        ask(asking, stuck, uuid4())
    assert time.monotonic() - before < 2
    assert stuck.cut.is_set(), "whoever reads is cut off, so the thread comes back"


def test_a_server_that_sends_a_byte_at_a_time() -> None:
    """Each read succeeds in time and the whole never ends: the bound is on the whole."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with BadServer(head + b" " * 1000, drip=0.01) as server:
        session = VaultSession(address=server.address, login=Login("token", token="t"), allowed=LOOPBACK)
        asking, tenant = BoundedAsking(seconds=0.3), uuid4()
        with pytest.raises(SourceSlow):
            ask(asking, VaultSource(session=session), tenant)
        _until_free(asking, tenant)


def _until_free(asking: BoundedAsking, tenant: UUID) -> None:
    end = time.monotonic() + 5
    while tenant in asking._asking:
        assert time.monotonic() < end, "the thread never came back"
        threading.Event().wait(0.01)


def test_a_broken_store_delays_nobody_else() -> None:
    """As many askers as there are threads want one tenant's dead store: another tenant's question is answered."""
    asking, broken, other, stuck = BoundedAsking(seconds=5), uuid4(), uuid4(), Stuck()
    with ThreadPoolExecutor(THREADS * 2) as askers:
        asked = [askers.submit(ask, asking, stuck, broken) for _ in range(THREADS * 2)]
        for _ in range(PER_TENANT):
            assert stuck.waiting.acquire(timeout=10)
        before = time.monotonic()
        assert ask(asking, NullSource({("variable", "k"): "v"}), other) == "v"
        assert time.monotonic() - before < 1
        with pytest.raises(SourceBusy):
            ask(asking, NullSource({}), broken)
        stuck.cut.set()
        said = [type(each.exception(10)) for each in asked]
    assert said.count(SourceUnreachable) >= PER_TENANT
    assert set(said) <= {SourceUnreachable, SourceBusy}
    assert not stuck.waiting.acquire(timeout=0), "no more than its share ever waited"


def test_a_store_that_cannot_be_cut_off_holds_its_own_share_only() -> None:
    asking, tenant, deaf = BoundedAsking(seconds=0.05), uuid4(), Stuck(deaf=True)
    for version in range(PER_TENANT):
        with pytest.raises(SourceSlow):
            ask(asking, deaf, tenant, version=version)
    with pytest.raises(SourceBusy):
        ask(asking, deaf, tenant, version=99)
    assert ask(asking, NullSource({("variable", "k"): "v"}), uuid4()) == "v"
    deaf.cut.set()
    _until_free(asking, tenant)


def test_a_failure_is_paid_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, tenant = BoundedAsking(), uuid4()
    away = NullSource({("variable", "k"): SourceUnreachable("away")})
    for _ in range(5):
        with pytest.raises(SourceUnreachable):
            ask(asking, away, tenant)
    assert len(away.asked) == 1, "it is left alone for a moment"
    with pytest.raises(SourceUnreachable):
        ask(asking, away, uuid4())
    assert len(away.asked) == 2, "another tenant's store of that name is another store"
    with pytest.raises(SourceUnreachable):
        ask(asking, away, tenant, version=2)
    assert len(away.asked) == 3, "a changed chain is tried at once"
    later = time.monotonic() + bounded.REST_SECONDS[0] + 0.1
    monkeypatch.setattr(bounded.time, "monotonic", lambda: later)
    away.held["variable", "k"] = "v"
    assert ask(asking, away, tenant) == "v"


def test_a_refusal_is_no_failure() -> None:
    """A denial is the store's considered answer: it is asked again each time."""
    asking, tenant = BoundedAsking(), uuid4()
    denied = NullSource({("variable", "k"): SourceDenied("no")})
    for _ in range(3):
        with pytest.raises(SourceDenied):
            ask(asking, denied, tenant)
    assert len(denied.asked) == 3
