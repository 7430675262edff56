"""Specs: carried as JSON without loss, refused when they contradict themselves, narrow by default."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aerodrome_runtime.jail.spec import Bind, JailSpec, JailSpecInvalid, Limits
from aerodrome_runtime.jail.tenant import Interpreter, PathTooWide, tenant_jail


def test_json_gives_an_equal_spec_back(tmp_path: Path) -> None:
    spec = tenant_jail(
        isolation="full",
        home=str(tmp_path),
        uid=610_001,
        environment={"A": "b"},
        limits=Limits(cpu_seconds=9),
    )
    assert JailSpec.from_json(spec.to_json()) == spec
    assert JailSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"isolation": "full", "uid": None, "gid": None},
        {"isolation": "full", "uid": 0, "gid": 0},
        {"isolation": "rootless", "uid": 610_001, "gid": 610_001},
        {"isolation": "none", "uid": 610_001, "gid": None},
        {"isolation": "strong"},
        {"network": "some"},
        {"home": "relative"},
        {"home": "/tmp/../etc"},
        {"read_only": (Bind("/usr", "usr"),)},
    ],
)
def test_contradictions_are_refused(change: dict[str, object]) -> None:
    good: dict[str, object] = {"isolation": "full", "home": "/srv/home", "uid": 610_001, "gid": 610_001}
    JailSpec(**good)  # type: ignore[arg-type]
    with pytest.raises(JailSpecInvalid):
        JailSpec(**{**good, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"isolation":"full","home":"/h","uid":1,"gid":1,"more":1}']
)
def test_other_text_is_not_a_spec(text: str) -> None:
    with pytest.raises(JailSpecInvalid):
        JailSpec.from_json(text)


@pytest.mark.parametrize("folder", ["/", "/tmp", "/etc", "/root", "/var", "/proc"])
def test_folders_that_show_too_much_are_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(PathTooWide, match=folder):
        tenant_jail(isolation="full", home=str(tmp_path), uid=610_001, also_readable=[folder])


def test_a_link_to_a_wide_folder_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to("/etc")
    with pytest.raises(PathTooWide):
        tenant_jail(isolation="full", home=str(tmp_path), uid=610_001, bundle=str(tmp_path / "innocent"))


def test_a_virtual_environment_is_shown_with_its_base() -> None:
    shown = Interpreter.of(sys.executable).paths
    for needed in (sys.prefix, os.path.realpath(sys.base_prefix)):
        assert any(os.path.realpath(path) == os.path.realpath(needed) for path in shown), (needed, shown)
