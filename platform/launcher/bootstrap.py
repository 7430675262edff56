"""Makes the checkout's own environment in ``.venv`` from the lock files, then runs the launcher in it.

Runs before anything is installed: standard library only, isolated mode, no import of its neighbours. Done
once per change of the locks (a stamp holds their hashes); a start that was interrupted begins again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENT = CHECKOUT / ".venv"
STAMP = ENVIRONMENT / "aerodrome-stamp.json"
# These commands also need the test tools.
DEVELOPER_COMMANDS = ("test", "bench")
# Byte code is wanted, and the caller's own environment must not shine through.
_NOT_PASSED_ON = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
_STILL_BUSY_SECONDS = 10


class EnvironmentNotMade(Exception):
    """The environment could not be made; the message says what is wrong and what to do."""


def main(arguments: list[str]) -> NoReturn:
    """Makes what is missing and becomes the launcher. Never returns."""
    wants_tools = bool(arguments) and arguments[0] in DEVELOPER_COMMANDS
    if sys.platform == "win32":
        sys.exit("aerodrome: Windows is not supported; use the Windows Subsystem for Linux.")
    try:
        ensure_environment(wants_tools=wants_tools)
    except EnvironmentNotMade as error:
        sys.exit(f"aerodrome: {error}")
    python = ENVIRONMENT / "bin" / "python"
    os.execve(python, [str(python), "-P", "-m", "launcher", *arguments], child_environment())


def child_environment() -> dict[str, str]:
    """The caller's environment for the launcher, with our source roots on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    roots = f"{CHECKOUT / 'platform'}:{CHECKOUT}"
    return kept | {"PYTHONPATH": roots, "PYTHONNOUSERSITE": "1", "UV_PYTHON_DOWNLOADS": "never"}


def ensure_environment(*, wants_tools: bool) -> None:
    """Brings ``.venv`` to the state of the locks. Does nothing when the stamp says that it is."""
    if _is_current(_read_stamp(), wants_tools):
        return
    with _alone():
        stamp = _read_stamp()
        if _is_current(stamp, wants_tools):
            return  # a start beside this one did it
        wants_tools = wants_tools or "dev" in stamp
        _make_environment()
        _install_uv()
        _install_packages("dev" if wants_tools else "controlplane")
        done = {"checkout": str(CHECKOUT), "controlplane": _digest("controlplane")}
        if wants_tools:
            done["dev"] = _digest("dev")
        temporary = STAMP.with_suffix(".new")
        temporary.write_text(json.dumps(done))
        temporary.rename(STAMP)


def _is_current(stamp: dict[str, str], wants_tools: bool) -> bool:
    names = ("controlplane", "dev") if wants_tools else ("controlplane",)
    return stamp.get("checkout") == str(CHECKOUT) and all(stamp.get(name) == _digest(name) for name in names)


def _read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _lock_file(name: str) -> Path:
    return CHECKOUT / "requirements" / f"{name}.lock"


def _digest(name: str) -> str:
    return hashlib.sha256(_lock_file(name).read_bytes()).hexdigest()


@contextmanager
def _alone() -> Iterator[None]:
    """One start at a time changes the environment; another waits for it."""
    folder = os.open(CHECKOUT / "requirements", os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("another start is making the environment, waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _make_environment() -> None:
    """A virtual environment with this Python. One that is broken, foreign or moved is made anew."""
    if _read_stamp().get("checkout") == str(CHECKOUT) and _runs(ENVIRONMENT / "bin" / "python"):
        STAMP.unlink()
        return
    if ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)
    # Python inside a virtual environment (the one just removed, or the caller's) stands for its base.
    python = getattr(sys, "_base_executable", None) or sys.executable
    _tell(f"making the environment in {ENVIRONMENT} with Python {sys.version.split()[0]}")
    try:
        _run([python, "-I", "-m", "venv", "--without-pip", str(ENVIRONMENT)])
    except EnvironmentNotMade as error:
        raise EnvironmentNotMade(f"{error}\n{_mend_venv()}") from None


def _install_uv() -> None:
    """Installs the locked uv, the one tool that installs the rest, and checks its hash."""
    target = str(ENVIRONMENT / "bin" / "python")
    if _runs(ENVIRONMENT / "bin" / "uv"):
        return
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.lock"
        wanted.write_text(_uv_requirement())
        options = ["--require-hashes", "--no-deps", "-r", str(wanted)]
        if uv := shutil.which("uv"):
            _run([uv, "pip", "install", "--quiet", "--python", target, *options])
            return
        python = getattr(sys, "_base_executable", None) or sys.executable
        if find_spec("ensurepip"):
            _run([target, "-I", "-m", "ensurepip", "--default-pip"])
            pip = [target, "-I", "-m", "pip"]
        elif _runs(python, "-m", "pip"):
            pip = [python, "-m", "pip", "--python", target]
        else:
            raise EnvironmentNotMade(f"this Python has neither ensurepip nor pip.\n{_mend_venv()}")
        _tell("installing uv")
        _run([*pip, "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", *options])


def _install_packages(name: str) -> None:
    lock = _lock_file(name)
    count = sum(line[:1].isalnum() for line in lock.read_text().splitlines())
    _tell(f"installing {count} packages from requirements/{name}.lock")
    started = time.monotonic()
    # Copies, not links: a file shared with the cache would change when someone writes to the cache.
    options = ["--quiet", "--require-hashes", "--link-mode", "copy", "--compile-bytecode"]
    python = str(ENVIRONMENT / "bin" / "python")
    _run([str(ENVIRONMENT / "bin" / "uv"), "pip", "sync", *options, "--python", python, str(lock)])
    _tell(f"installed in {time.monotonic() - started:.0f} s")


def _uv_requirement() -> str:
    """The lines of the lock that belong to uv: name, version and hashes."""
    lines, taking = [], False
    for line in _lock_file("controlplane").read_text().splitlines():
        if not line.startswith((" ", "#")):
            taking = line.startswith("uv==")
        if taking and not line.strip().startswith("#"):
            lines.append(line)
    if not lines:
        raise EnvironmentNotMade("requirements/controlplane.lock does not hold uv: run `./aerodrome lock`")
    return "\n".join(lines) + "\n"


def _runs(program: Path | str, *arguments: str) -> bool:
    try:
        command = [str(program), *arguments, "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(command: Sequence[str]) -> None:
    """Runs one step and says every few seconds that it still does. Raises with the step's own last words."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        environment = child_environment()
        del environment["PYTHONPATH"]
        with subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as step:
            while step.returncode is None:
                try:
                    step.wait(_STILL_BUSY_SECONDS)
                except subprocess.TimeoutExpired:
                    _tell(f"still at it ({time.monotonic() - started:.0f} s)")
                except BaseException:
                    step.terminate()
                    raise
        output.seek(0)
        words = "\n".join(output.read().strip().splitlines()[-12:])
    if step.returncode != 0:
        raise EnvironmentNotMade(
            f"`{' '.join(command[:5])} …` failed:\n{words}\n"
            "If the package index could not be reached: the first start needs it once. Behind a proxy set "
            "HTTPS_PROXY; for an index of your own set UV_DEFAULT_INDEX and PIP_INDEX_URL; for a folder of "
            "wheels set UV_FIND_LINKS and PIP_FIND_LINKS."
        )


def _mend_venv() -> str:
    return (
        "Install what your Python needs to make environments (Debian, Ubuntu: apt install python3-venv), "
        "or name another Python: AERODROME_PYTHON=/path/to/python3 ./aerodrome ..."
    )


def _tell(line: str) -> None:
    print(f"aerodrome: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
