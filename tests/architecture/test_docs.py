"""Documentation that is wrong is a bug: links, files, commands, settings, crash points and stations must exist."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest

from controlplane.foundation.crashpoints import POINTS
from launcher.__main__ import COMMANDS
from tests.architecture import execution_page, http_page
from tests.architecture.source_files import ROOT, STATIONS, shown

_SOURCE_ROOTS = (ROOT, ROOT / "platform", ROOT / "platform" / "controlplane" / "ledger" / "sql")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"\./aerodrome((?: [^\n`|#]*)?)")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|sql|md|json|toml|sh)|[\w-]+\.sql")
_POINT = re.compile(r"[a-z]+\.[a-z]+\.(?:before|after)_[a-z]+")
_VARIABLE = re.compile(r"\bAERODROME_[A-Z]+(?:_[A-Z]+)*\b")
_ELSEWHERE = {"dags/hello.py"}
"""A file of a tenant's, not of ours."""
_ADR_PARTS = ("## Context", "## Decision", "## Consequences", "## A change violates this when it…")


def _pages() -> list[Path]:
    return sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _anchors(path: Path) -> set[str]:
    titles = _HEADING.findall(_FENCE.sub("", _text(path)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def _broken_links(text: str, folder: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = folder / name
        is_lost = anchor and target.suffix == ".md" and target.exists() and anchor not in _anchors(target)
        if is_lost or not target.exists():
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", _pages(), ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    assert _broken_links(_text(page), page.parent) == []


def test_a_broken_link_is_found() -> None:
    text = "[a](nowhere.md) [b](README.md) [c](README.md#two-commands) [d](README.md#three) [e](https://x.y)"
    assert _broken_links(text, ROOT) == ["nowhere.md", "README.md#three"]


def _options(command: str) -> set[str]:
    parser = argparse.ArgumentParser(prog=command)
    importlib.import_module(f"launcher.commands.{command.replace('-', '_')}").add_arguments(parser)
    found, parsers = set(), [parser]
    for one in parsers:  # and those of its sub-commands
        found |= {option for action in one._actions for option in action.option_strings}
        parsers += [
            below
            for action in one._actions
            if isinstance(action, argparse._SubParsersAction)
            for below in action.choices.values()
        ]
    return found


def _wrong_commands(text: str) -> list[str]:
    wrong = []
    for rest in _COMMAND.findall(text):
        words = shlex.split(rest.replace("…", "").strip(), posix=False)
        if not words or words[0] in {"COMMAND", "NAME"}:
            continue
        command = words[0].strip(".,:;()")
        if command not in COMMANDS:
            wrong.append(f"./aerodrome {command}")
            continue
        asked = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
        wrong += [f"./aerodrome {command} {option}" for option in sorted(asked - _options(command))]
    return wrong


@pytest.mark.parametrize("page", _pages(), ids=shown)
def test_commands_exist(page: Path) -> None:
    assert _wrong_commands(_text(page)) == []


def test_a_command_that_does_not_exist_is_found() -> None:
    text = "Run `./aerodrome fly`, then `./aerodrome up --detach`, or:\n./aerodrome demo --fast  # soon\n"
    assert _wrong_commands(text) == ["./aerodrome fly", "./aerodrome demo --fast"]


def test_every_command_is_in_the_readme() -> None:
    assert {
        command for command in COMMANDS if f"./aerodrome {command}`" not in _text(ROOT / "README.md")
    } == set()


def _missing_files(text: str) -> list[str]:
    named = {code for code in _CODE.findall(_FENCE.sub("", text)) if _FILE.fullmatch(code)} - _ELSEWHERE
    return sorted(
        name
        for name in named
        if not any((root / name).is_file() for root in _SOURCE_ROOTS) and not _is_in_data_folder(name)
    )


def _is_in_data_folder(name: str) -> bool:
    return name.split("/")[0] in {"logs", "secrets", "run", "store", "dags"}


@pytest.mark.parametrize("page", _pages(), ids=shown)
def test_files_exist(page: Path) -> None:
    assert _missing_files(_text(page)) == []


def test_a_missing_file_is_found() -> None:
    text = "`controlplane/scheduler/loop.py` `controlplane/scheduler/guess.py` `finish_tasks.sql` `guess.sql`"
    assert _missing_files(text) == ["controlplane/scheduler/guess.py", "guess.sql"]


def _table(page: Path) -> str:
    return "\n".join(line for line in _text(page).splitlines() if line.startswith("|"))


def test_every_station_has_its_row_in_the_tour() -> None:
    table = _table(ROOT / "docs" / "flow.md")
    stations = {path.parent.name for path in STATIONS.glob("*/__init__.py")} - {"settings", "foundation"}
    assert len(stations) >= 9
    assert {station for station in stations if f"controlplane/{station}/" not in table} == set()


def test_the_tour_names_every_crash_point() -> None:
    named = _POINT.findall(_table(ROOT / "docs" / "flow.md"))
    assert sorted(named) == sorted(POINTS)


@pytest.mark.parametrize("page", _pages(), ids=shown)
def test_settings_exist(page: Path) -> None:
    read = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("platform", "runtime", "api")
        for path in (ROOT / folder).rglob("*.py")
    )
    named = set(_VARIABLE.findall(_text(page)))
    assert sorted(name for name in named if name not in read and name + "_FILE" not in read) == []


def test_decisions_have_their_parts_and_are_listed() -> None:
    folder = ROOT / "docs" / "adr"
    decisions = sorted(folder.glob("[0-9]*.md"))
    index = _text(folder / "README.md")
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        text = _text(path)
        assert text.startswith(f"# {path.name[:4]}. ")
        assert [part for part in _ADR_PARTS if part not in text] == [], path.name
        assert f"({path.name})" in index


def test_the_http_page_is_what_is_served() -> None:
    assert _text(http_page.PAGE) == http_page.page(), "run `python -m tests.architecture.http_page`"


def test_the_execution_page_is_what_is_served() -> None:
    told = "run `python -m tests.architecture.execution_page`"
    assert _text(execution_page.PAGE) == execution_page.page(), told
