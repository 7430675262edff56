"""One stack: what runs on a data folder, declared as a table of processes.

Add a process by adding a row to ``control_plane_processes``. ``run_stack`` holds the data folder, runs the
table until it is told to stop, and keeps the status file true.
"""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from launcher import probes
from launcher.backing import open_backing
from launcher.data_folder import held, lay_out
from launcher.embedded.accounts import own_account
from launcher.embedded.roles import DATABASE_VARIABLES
from launcher.embedded.sockets import private_folder
from launcher.environments import agent_environment, backup_environment, control_plane_environment
from launcher.ground import Ground
from launcher.ports import choose_port
from launcher.processes import ProcessSpec
from launcher.secret_files import ed25519_private_key, ensure_secret, random_key
from launcher.settings import REDIS_VARIABLE, Settings
from launcher.status_file import end_leftovers, write_status
from launcher.supervisor import Supervisor
from launcher.version import product_version

# Answers at every address, so that it tells nothing of which tenants exist.
_HEALTH_PATH = "/t/-/api/v2/monitor/health"


def control_plane_processes(ground: Ground) -> tuple[ProcessSpec, ...]:
    """The table: what runs besides the database and Redis."""
    settings, python = ground.settings, str(ground.python)
    manage = (python, str(ground.checkout / "manage.py"))
    control_plane = control_plane_environment(ground=ground)
    web_probe_host = "127.0.0.1" if settings.bind_host in ("0.0.0.0", "::") else settings.bind_host

    def row(name: str, command: Sequence[str], environment: Mapping[str, str], **more: Any) -> ProcessSpec:
        log_file = settings.data / "logs" / f"{name}.log"
        return ProcessSpec(name, tuple(command), environment, ground.checkout, log_file, **more)

    return (
        row(
            "migrate",
            [*manage, "migrate", "--database", "owner", "--no-input"],
            control_plane_environment(ground=ground, with_owner=True),
            after=tuple(spec.name for spec in ground.backing.table),
            one_shot=True,
            ready_within_seconds=900,
        ),
        row(
            "web",
            [
                ground.program("granian"), "--interface", "wsgi",
                "--host", settings.bind_host, "--port", str(ground.port),
                "--workers", str(settings.web_workers), "--blocking-threads", "16",
                "--respawn-failed-workers", "--workers-kill-timeout", "5",
                "--log-level", settings.log_level.lower(), "controlplane.wsgi:application",
            ],
            control_plane,
            after=("migrate",),
            probe=lambda: probes.http_answers(host=web_probe_host, port=ground.port, path=_HEALTH_PATH),
            silent_seconds=60,
        ),
        row(
            "gateway",
            [*manage, "gateway"],
            control_plane,
            after=("migrate",),
            prepare=lambda: ground.gateway_socket.unlink(missing_ok=True),
            probe=lambda: probes.socket_accepts(path=ground.gateway_socket),
            silent_seconds=60,
        ),
        row("scheduler", [*manage, "scheduler"], control_plane, after=("migrate",), settle_seconds=1),
        row("periodic", [*manage, "periodic"], control_plane, after=("migrate",), settle_seconds=1),
        row(
            "agent",
            [python, "-m", "aerodrome_runtime.agent"],
            agent_environment(ground=ground),
            after=("gateway", "web"),
            settle_seconds=1,
            grace_seconds=30,
        ),
        *(
            [row(
                "backup",
                [python, "-P", "-m", "launcher", "backup", "--daily", "--stay"],
                backup_environment(ground=ground),
                after=("migrate",),
                settle_seconds=1,
            )]
            if settings.backup_folder is not None and settings.database_urls is None else []
        ),
    )  # fmt: skip


def run_stack(
    *,
    settings: Settings,
    checkout: Path,
    caller: Mapping[str, str],
    tell: Callable[[str], None],
    on_ready: Callable[[dict[str, Any]], None],
    services: Callable[[Ground], Sequence[ProcessSpec]] = control_plane_processes,
) -> None:
    """Runs the stack in this process (its main thread) until SIGTERM or SIGINT.

    ``caller`` is the environment to take PATH and the like from; ``on_ready`` gets the facts of the status
    file once everything is healthy. Raises ``FolderInUse``, ``ProcessFailed`` and the refusals of the
    embedded servers; whatever was started has then been stopped.
    """
    extra = (settings.store, settings.git_dir, settings.agent_dir)
    lay_out(data=settings.data, extra=extra)
    with held(data=settings.data, checkout=checkout):
        left = end_leftovers(data=settings.data)
        if left:
            tell(f"ended what an earlier start left running: {', '.join(left)}")
        ensure_keys(settings)
        ground = _ground(settings, checkout, caller, tell)
        facts = _facts(ground)

        def changed(supervisor: Supervisor) -> None:
            state, processes = supervisor.state, supervisor.processes
            write_status(data=settings.data, state=state, facts=facts, processes=processes)

        table = (*ground.backing.table, *services(ground))
        Supervisor(table, on_change=changed, on_ready=lambda: on_ready(facts), tell=tell).run()


def ensure_keys(settings: Settings) -> None:
    """The installation's keys, each made once."""

    def encryption_key() -> bytes:
        return base64.b64encode(secrets.token_bytes(32))

    ensure_secret(path=settings.secret_key_file, make=random_key)
    ensure_secret(path=settings.encryption_key_file, make=encryption_key)
    ensure_secret(path=settings.signing_key_file, make=ed25519_private_key)
    ensure_secret(path=settings.agent_token_file, make=random_key)


def _ground(
    settings: Settings, checkout: Path, caller: Mapping[str, str], tell: Callable[[str], None]
) -> Ground:
    run = settings.data / "run"
    port = choose_port(host=settings.bind_host, port=settings.bind_port, remembered_in=run / "port")
    shown = "127.0.0.1" if settings.bind_host in ("0.0.0.0", "::") else settings.bind_host
    socket = settings.gateway_socket or private_folder(folder=run, account=own_account()) / "gateway.sock"
    return Ground(
        settings=settings,
        checkout=checkout,
        caller=caller,
        backing=open_backing(settings=settings, tell=tell),
        port=port,
        base_url=settings.base_url or f"http://{f'[{shown}]' if ':' in shown else shown}:{port}",
        gateway_socket=socket,
        python=Path(sys.executable),
    )


def _facts(ground: Ground) -> dict[str, Any]:
    """The part of the status that stays the same while the stack runs."""
    urls, files = asdict(ground.backing.databases), ground.backing.password_files
    return {
        "base_url": ground.base_url,
        "database": {
            **{f"{key}_url": url for key, url in urls.items()},
            "embedded": ground.backing.embedded,
            "version": ground.backing.version,
        },
        "redis": {"url": ground.backing.redis_url},
        "password_files": {
            "database": {
                f"{key}_url": str(files[name]) for key, name in DATABASE_VARIABLES.items() if name in files
            },
            "redis": {"url": str(files[REDIS_VARIABLE])} if REDIS_VARIABLE in files else {},
        },
        "gateway_socket": str(ground.gateway_socket),
        "data_dir": str(ground.settings.data),
        "versions": {
            "aerodrome": product_version(checkout=ground.checkout),
            "python": sys.version.split()[0],
            "postgres": ground.backing.version,
        },
    }
