"""The bootstrap: standard library only, does nothing twice, and begins again after an interruption."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [ROOT / "requirements" / "controlplane.lock", ROOT / "requirements" / "dev.lock",
         *(ROOT / "runtime" / "locks").glob("*.lock")]  # fmt: skip


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, pointed at an empty checkout with two small locks, its steps only recorded."""
    path = ROOT / "platform" / "launcher" / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("controlplane", "dev"):
        (tmp_path / "requirements" / f"{name}.lock").write_text("uv==1 \\\n    --hash=sha256:0\n")
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp.json")
    module.steps = []

    def step(command: list[str]) -> None:
        """Instead of venv, pip and uv: notes the program and leaves what a venv would."""
        module.steps.append(" ".join(command))
        binaries = tmp_path / ".venv" / "bin"
        binaries.mkdir(parents=True, exist_ok=True)
        for name in ("python", "uv"):
            if not (binaries / name).exists():
                (binaries / name).symlink_to(sys.executable)

    monkeypatch.setattr(module, "_run", step)
    yield module


def test_it_needs_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "platform" / "launcher" / "bootstrap.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_a_second_start_does_nothing(bootstrap: ModuleType) -> None:
    bootstrap.ensure_environment(wants_tools=False)
    assert "venv" in bootstrap.steps[0] and "controlplane.lock" in bootstrap.steps[-1]
    bootstrap.steps.clear()
    bootstrap.ensure_environment(wants_tools=False)
    assert bootstrap.steps == []


def test_the_tools_come_when_wanted_and_stay(bootstrap: ModuleType) -> None:
    bootstrap.ensure_environment(wants_tools=False)
    bootstrap.ensure_environment(wants_tools=True)
    assert "dev.lock" in bootstrap.steps[-1]
    bootstrap.steps.clear()
    bootstrap.ensure_environment(wants_tools=False)
    bootstrap.ensure_environment(wants_tools=True)
    assert bootstrap.steps == []


def test_a_changed_lock_is_installed(bootstrap: ModuleType) -> None:
    bootstrap.ensure_environment(wants_tools=True)
    lock = bootstrap.CHECKOUT / "requirements" / "controlplane.lock"
    lock.write_text(lock.read_text() + "more==1 \\\n    --hash=sha256:1\n")
    bootstrap.steps.clear()
    bootstrap.ensure_environment(wants_tools=False)
    assert len(bootstrap.steps) == 1 and "dev.lock" in bootstrap.steps[0]  # the tools are kept


def test_an_interrupted_start_begins_again(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap._run

    def interrupted(command: list[str]) -> None:
        whole(command)
        if "sync" in command:
            raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.ensure_environment(wants_tools=False)
    assert not bootstrap.STAMP.exists()
    monkeypatch.setattr(bootstrap, "_run", whole)
    bootstrap.steps.clear()
    bootstrap.ensure_environment(wants_tools=False)
    assert "venv" in bootstrap.steps[0] and bootstrap.STAMP.exists()


def test_a_moved_checkout_gets_a_new_environment(bootstrap: ModuleType) -> None:
    bootstrap.ensure_environment(wants_tools=False)
    stamp = json.loads(bootstrap.STAMP.read_text())
    bootstrap.STAMP.write_text(json.dumps(stamp | {"checkout": "/elsewhere"}))
    bootstrap.steps.clear()
    bootstrap.ensure_environment(wants_tools=False)
    assert "venv" in bootstrap.steps[0]


def test_a_failed_step_is_explained(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(bootstrap.EnvironmentNotMade) as refusal:
        bootstrap._run([sys.executable, "-c", "raise SystemExit('no route to the index')"])
    assert "no route to the index" in str(refusal.value) and "HTTPS_PROXY" in str(refusal.value)


def test_children_get_our_roots_and_write_byte_code(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = bootstrap.child_environment()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["PYTHONPATH"] == f"{bootstrap.CHECKOUT}/platform:{bootstrap.CHECKOUT}"
    assert environment["UV_PYTHON_DOWNLOADS"] == "never"


def test_uv_is_taken_from_the_lock_with_its_hashes(bootstrap: ModuleType) -> None:
    lock = bootstrap.CHECKOUT / "requirements" / "controlplane.lock"
    lock.write_text(
        "uritemplate==4 \\\n    --hash=sha256:a\nuv==1.2 \\\n    --hash=sha256:b \\\n    --hash=sha256:c\n"
        "    # via -r x.in\nuvicorn==3 \\\n    --hash=sha256:d\n"
    )
    assert bootstrap._uv_requirement() == "uv==1.2 \\\n    --hash=sha256:b \\\n    --hash=sha256:c\n"


def test_without_a_python_the_script_says_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "readlink"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    script = tmp_path / "aerodrome"
    text = (
        (ROOT / "aerodrome").read_text().replace("/usr/bin/python3", "").replace("/usr/local/bin/python3", "")
    )
    script.write_text(text)
    answer = subprocess.run(
        ["/bin/sh", str(script), "version"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert "no Python 3.11 or newer" in answer.stderr and "AERODROME_PYTHON" in answer.stderr


def test_the_script_runs_through_a_link_and_from_anywhere(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(os.path.relpath(ROOT / "aerodrome", tmp_path))
    text = (ROOT / "aerodrome").read_text()
    assert 'exec "$python" -I -S "$here/platform/launcher/bootstrap.py" "$@"' in text
    shown = text.replace("exec ", "echo exec ")
    copy = tmp_path / "checkout" / "aerodrome"
    copy.parent.mkdir()
    copy.write_text(shown)
    copy.chmod(0o755)
    link.unlink()
    link.symlink_to("checkout/aerodrome")
    answer = subprocess.run([str(link), "up"], cwd="/", capture_output=True, text=True, check=True)
    assert f"{copy.parent}/platform/launcher/bootstrap.py up" in answer.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_address_and_every_package_has_a_hash(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    packages = [line for line in text.splitlines() if line[:1].isalnum()]
    assert packages and all("==" in line and line.endswith("\\") for line in packages)


@pytest.mark.parametrize("source", [path.with_suffix(".in") for path in LOCKS], ids=lambda path: path.name)
def test_every_wanted_package_is_locked(source: Path) -> None:
    wanted = [line.split("#")[0].strip() for line in source.read_text().splitlines()]
    names = {
        line.split("[")[0].split("=")[0].split("~")[0].split("<")[0].split(">")[0].strip().lower()
        for line in wanted
        if line and not line.startswith("-r")
    }
    locked = {line.split("==")[0] for line in source.with_suffix(".lock").read_text().splitlines()}
    assert names <= locked, "run ./aerodrome lock"


def test_the_two_locks_agree() -> None:
    def versions(name: str) -> dict[str, str]:
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return dict(line.split(" ")[0].split("==") for line in lines if line[:1].isalnum())  # type: ignore[misc]

    base, dev = versions("controlplane.lock"), versions("dev.lock")
    assert {name: dev[name] for name in base} == base
