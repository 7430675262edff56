"""Operators are paged when the newest backup is older than 26 hours, and hear that a newer one is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import caches
from django.test import override_settings

from controlplane.alerts.backup_age import backup_trouble
from controlplane.alerts.watchdog import Watchdog
from controlplane.foundation.clock import utc_now
from launcher.backups.last import remember_backup
from tests.support.alerting import SIGNING, reaching_loopback
from tests.support.http_sink import HttpSink

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def trouble(data: Path, *, hours: float, wanted: bool = False, minutes: float = 600) -> str | None:
    """Of a backup of `NOW`, so many hours later, in a process that has looked for so many minutes."""
    now = NOW + timedelta(hours=hours)
    return backup_trouble(data=data, wanted=wanted, since=now - timedelta(minutes=minutes), now=now)


def test_a_backup_is_too_old_after_twenty_six_hours(tmp_path: Path) -> None:
    remember_backup(data=tmp_path, taken_at=NOW.isoformat(), target=Path("/backups/night"))
    assert trouble(tmp_path, hours=26) is None
    assert trouble(tmp_path, hours=26.1) == "the newest is 26 h old: /backups/night"
    remember_backup(data=tmp_path, taken_at=(NOW + timedelta(hours=26)).isoformat(), target=Path("/b"))
    assert trouble(tmp_path, hours=26.1) is None


def test_none_at_all_is_told_where_daily_ones_are_set(tmp_path: Path) -> None:
    assert trouble(tmp_path, hours=0) is None
    assert trouble(tmp_path, hours=0, wanted=True) == "there is none"
    assert trouble(tmp_path, hours=0, wanted=True, minutes=59) is None, "the first is being made"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"taken_at": "soon"}', '{"taken_at": "2026-11-21"}'])
def test_a_damaged_record_is_no_backup(tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last-backup.json").write_text(content)
    assert "cannot be read" in str(trouble(tmp_path, hours=0))


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as sink, reaching_loopback():
        caches["default"].delete("heartbeat:scheduler")
        yield sink


@pytest.mark.usefixtures("database")
def test_the_watchdog_pages_once_and_tells_the_end(tmp_path: Path, sink: HttpSink) -> None:
    with override_settings(DATA_DIR=tmp_path):
        _pages_and_tells(tmp_path, sink)


def _pages_and_tells(tmp_path: Path, sink: HttpSink) -> None:
    channel = {"kind": "webhook", "secret": {"url": f"{sink.url}/ops", "signing_secret": SIGNING}}
    watchdog, now = Watchdog(channels=[channel], clock=utc_now), utc_now()
    assert watchdog.round(now=now) == []
    old = now - timedelta(hours=27)
    remember_backup(data=tmp_path, taken_at=old.isoformat(), target=Path("/backups/night"))
    assert watchdog.round(now=now) == ["opened backup"]
    assert watchdog.round(now=now) == []
    [page] = [posted.json()["data"] for posted in sink.posted]
    assert (page["severity"], page["cause"]) == ("page", "backup: the newest is 27 h old: /backups/night")
    remember_backup(data=tmp_path, taken_at=now.isoformat(), target=Path("/backups/next"))
    assert watchdog.round(now=now) == ["resolved backup"]
