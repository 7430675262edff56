"""From `git push` to runnable with a warm runtime, and from sign-up to a usable tenant."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of, tell
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.peers.product import Product, Tenant, open_product

DAG = "bench_deploy"
SOURCE = Path(__file__).parent / "dags" / "bench_deploy.py"
MARK = "MARK = ''"
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
RUN_SECONDS = 120


class NeverSeen(Exception):
    """What was pushed did not show in the API in time."""


@dataclass(frozen=True)
class Deploy:
    """Seconds since `git push` began."""

    answered: float
    visible: float
    started: float


@dataclass(frozen=True)
class NewTenant:
    """Seconds since the sign-up was sent."""

    signed_up: float
    pushed: float
    visible: float
    started: float


Told = TypeVar("Told", Deploy, NewTenant)


def main(argv: list[str]) -> int:
    options = parser("deploy", __doc__ or "", rounds=10, peers=("none",)).parse_args(argv)
    rounds = 3 if options.quick and not options.rounds else rounds_of(options)
    report = Report("deploy", read_machine())
    with open_product() as product:
        tell("warm-up: builds the runtime if there is none")
        with _clone(product.tenant) as clone:
            deploy(product.tenant, clone)
            pushes = [_told(deploy(product.tenant, clone)) for _ in range(rounds)]
        tenants = [_told(new_tenant(product)) for _ in range(rounds)]
    report.metrics = [
        Metric("push answered", "s", {OURS: [one.answered for one in pushes]}),
        Metric("push to runnable", "s", {OURS: [one.visible for one in pushes]}, floor=3),
        Metric("push to its code running", "s", {OURS: [one.started for one in pushes]}),
        Metric("sign-up answered", "s", {OURS: [one.signed_up for one in tenants]}),
        Metric("sign-up to usable tenant", "s", {OURS: [one.visible for one in tenants]}, floor=2),
        Metric("sign-up to its code running", "s", {OURS: [one.started for one in tenants]}),
    ]
    report.notes.append(
        "runnable: the API shows the DAG as it was pushed; one of its two files changes each time"
    )
    report.notes.append(
        "usable: signed up, a first push parsed in the runtime that exists already, its DAG shown"
    )
    report.notes.append(
        "its code running: the first line of a task of a run triggered as soon as it was runnable"
    )
    report.details = {"pushes": [asdict(one) for one in pushes], "tenants": [asdict(one) for one in tenants]}
    return finish(report, options)


def deploy(tenant: Tenant, clone: Clone) -> Deploy:
    """Change one file, push it, wait until the API shows it, run it."""
    mark = clone.change()
    began, clock = time.monotonic(), time.time_ns()
    clone.push()
    answered = time.monotonic() - began
    visible = wait_visible(tenant, mark) - began
    return Deploy(answered, visible, _first_line(tenant, clock))


def new_tenant(product: Product) -> NewTenant:
    """Sign up, push a first DAG, wait until it is there, run it."""
    began, clock = time.monotonic(), time.time_ns()
    tenant = product.sign_up("bench-new")
    signed_up = time.monotonic() - began
    with _clone(tenant) as clone:
        mark = clone.change()
        clone.push()
        pushed = time.monotonic() - began
        visible = wait_visible(tenant, mark) - began
        return NewTenant(signed_up, pushed, visible, _first_line(tenant, clock))


class Clone:
    """A working tree with two DAG files, one of which changes, and the tenant's remote."""

    def __init__(self, folder: Path, tenant: Tenant, *, url: str = "") -> None:
        """`url`: another remote than the tenant's own."""
        self.folder = folder
        where = urlsplit(tenant.git["url"])
        access = f"{tenant.git['username']}:{tenant.git['token']}"
        own = f"{where.scheme}://{access}@{where.netloc}{where.path}"
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", url or own)
        (folder / "dags").mkdir()
        shutil.copy(SOURCE.with_name("bench_chain.py"), folder / "dags")

    def change(self) -> str:
        """Write the file with a new mark and commit it; returns the mark."""
        mark = secrets.token_hex(8)
        text = SOURCE.read_text()
        if text.count(MARK) != 1:
            raise ValueError(f"{SOURCE} must hold {MARK!r} once")
        (self.folder / "dags" / SOURCE.name).write_text(text.replace(MARK, f"MARK = {mark!r}"))
        self._git("add", ".")
        self._git("commit", "--quiet", "--message", f"Change {mark}")
        return mark

    def push(self) -> None:
        self._git("push", "--quiet", "origin", "main")

    def head(self) -> str:
        """The commit that is to be pushed, or was."""
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **{f"GIT_{who}_NAME": "bench" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "bench@example.com" for who in ("AUTHOR", "COMMITTER")},
        }
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"git {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout


class _clone:
    """A ``Clone`` in a temporary folder, for a ``with`` block."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def __enter__(self) -> Clone:
        self._folder = tempfile.TemporaryDirectory(prefix="aerodrome-bench-")
        return Clone(Path(self._folder.name), self._tenant)

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def wait_visible(tenant: Tenant, mark: str) -> float:
    """The monotonic instant at which the API showed the DAG with this mark."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        dag = tenant.rest.find_dag(DAG)
        if dag is not None and dag["description"] == mark:
            return time.monotonic()
        time.sleep(LOOK_SECONDS)
    raise NeverSeen(f"the API does not show {mark} after {PATIENCE_SECONDS:.0f} s")


def _first_line(tenant: Tenant, since: int) -> float:
    """Seconds from ``since`` (nanoseconds since the epoch) to the first line of a task."""
    tenant.rest.unpause(DAG)
    run_id = tenant.rest.trigger(DAG)
    run = tenant.rest.wait_run(DAG, run_id, seconds=RUN_SECONDS)
    if run["state"] != "success":
        raise RuntimeError(f"run {run_id} ended as {run['state']}")
    return (int(tenant.rest.returned(DAG, run_id, "first")) - since) / 1e9


def _told(one: Told) -> Told:
    tell(", ".join(f"{name} {seconds:.2f} s" for name, seconds in asdict(one).items()))
    return one
