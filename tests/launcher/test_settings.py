"""The table of settings: the page says the same, wrong values are refused with words, defaults hold."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from launcher.configuration_page import PAGE, render
from launcher.settings import SettingWrong, read_settings
from launcher.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
# Not for people: a point to die at and an Airflow to test with (tests), and what the control plane tells its own Git hook.
INTERNAL = {
    "AERODROME_CRASH",
    "AERODROME_TEST_RUNTIME",
    "AERODROME_BUNDLE_LIMITS",
    "AERODROME_DEPLOY_BRANCHES",
}
TABLE = ROOT / "platform" / "launcher" / "settings.py"


def test_the_page_is_made_from_the_table() -> None:
    wanted = render()
    assert (ROOT / PAGE).read_text(encoding="utf-8") == wanted, (
        "run: PYTHONPATH=platform .venv/bin/python -m launcher.configuration_page"
    )
    assert all(f"`{row.name}`" in wanted for row in VARIABLES)


def test_every_variable_in_the_code_is_in_the_table() -> None:
    known = {row.name for row in VARIABLES} | INTERNAL
    known |= {name.removesuffix("_FILE") for name in known}
    known |= {name for row in VARIABLES for name in re.findall(r"`(AERODROME_[A-Z_]+_FILE)`", row.meaning)}
    sources = [ROOT / "aerodrome", *(path for top in ("platform", "api", "tenants", "runtime")
                                     for path in (ROOT / top).rglob("*.py"))]  # fmt: skip
    used = {
        name: path.relative_to(ROOT)
        for path in sources
        if path != TABLE
        for name in re.findall(r"\bAERODROME_[A-Z][A-Z_]*[A-Z]\b(?!_)", path.read_text(encoding="utf-8"))
    }
    missing = {name: str(path) for name, path in used.items() if name not in known}
    assert missing == {}, "add them to VARIABLES in platform/launcher/variables.py"
    own = set(re.findall(r"environment.*?\"(AERODROME_\w+)\"|, \"(AERODROME_\w+)\"", TABLE.read_text()))
    read_here = {name for pair in own for name in pair}
    unused = {row.name.removesuffix("_FILE") for row in VARIABLES} - {
        name.removesuffix("_FILE") for name in (*used, *read_here)
    }
    assert unused == set(), "nothing reads these"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AERODROME_BIND", "8080"),
        ("AERODROME_BIND", "127.0.0.1:99999"),
        ("AERODROME_LOG_LEVEL", "LOUD"),
        ("AERODROME_AGENT_SLOTS", "0"),
        ("AERODROME_AGENT_SLOTS", "1001"),
        ("AERODROME_AGENT_TRIGGERS", "0"),
        ("AERODROME_AGENT_TRIGGERS", "10001"),
        ("AERODROME_WEB_WORKERS", "many"),
        ("AERODROME_DATABASE_URL", "mysql://x/y"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingWrong, match="AERODROME_"):
        read_settings(environment={name: value}, checkout=ROOT)


def test_a_part_of_the_database_settings_is_refused() -> None:
    urls = {
        f"AERODROME_DATABASE_{part}URL": "postgresql://a:b@c/d" for part in ("", "OWNER_", "SCHED_", "AUTH_")
    }
    assert read_settings(environment=urls, checkout=ROOT).database_urls is not None
    for name in urls:
        rest = {key: value for key, value in urls.items() if key != name}
        with pytest.raises(SettingWrong, match=f"{name}[, :]"):
            read_settings(environment=rest, checkout=ROOT)


def test_an_agent_may_hold_more_triggers_than_tasks(tmp_path: Path) -> None:
    given = {"AERODROME_AGENT_TRIGGERS": "10000", "AERODROME_AGENT_SLOTS": "1000"}
    settings = read_settings(environment=given, checkout=tmp_path)
    assert (settings.agent_triggers, settings.agent_slots) == (10_000, 1000)


def test_everything_has_a_default(tmp_path: Path) -> None:
    settings = read_settings(environment={}, checkout=tmp_path)
    assert settings.database_urls is None and settings.redis_url is None
    expected = tmp_path / ".aerodrome"
    if os.geteuid() == 0:
        assert settings.data.parent == Path("/var/lib/aerodrome")
        assert re.fullmatch(rf"{re.escape(tmp_path.name)}-[0-9a-f]{{8}}", settings.data.name)
    else:
        assert settings.data == expected
    assert settings.secret_key_file == settings.data / "secrets" / "secret-key"
    other = read_settings(environment={}, checkout=tmp_path / "other")
    assert other.data != settings.data
