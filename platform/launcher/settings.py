"""Everything that can be set from outside, in one table; ``docs/reference/configuration.md`` is made from it.

The launcher reads these variables once, fills in what is not given, and exports the result to the processes
that need each value. The control plane and the agent read the same names, so they also run without it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launcher.embedded.roles import DATABASE_VARIABLES, DatabaseUrls


class SettingWrong(Exception):
    """A variable has a value that cannot be used; the message names it and says what it must be."""


@dataclass(frozen=True)
class Variable:
    """One row of the table. ``default`` is words for people; ``readers`` are who uses the value."""

    name: str
    default: str
    meaning: str
    readers: str = "all"


VARIABLES = (
    Variable(
        "AERODROME_DATA",
        "root: `/var/lib/aerodrome/<checkout>-<hash>`; others: `.aerodrome` in the checkout",
        "The data folder: databases, keys, artefacts, logs. One stack runs per data folder.",
    ),
    Variable(
        "AERODROME_BIND",
        "`127.0.0.1:0`",
        "Address and port of the web server. Port 0 takes a free one and keeps it for the next start.",
        "launcher",
    ),
    Variable(
        "AERODROME_BASE_URL",
        "`http://<AERODROME_BIND>`",
        "How people and Git reach the web server, for links and remotes. Set it behind a proxy.",
        "launcher, control plane",
    ),
    Variable(
        "AERODROME_TOKEN",
        "none",
        "`./aerodrome validate --against` asks a tenant's API with it.",
        "launcher",
    ),
    Variable(
        "AERODROME_DATABASE_URL",
        "the embedded Postgres",
        "The application's connection: `postgresql://user:password@host:port/name?…`, a role that is neither "
        "owner nor superuser. Give all four database variables, or none. "
        "`./aerodrome prepare-database --admin-url URL` makes the roles and prints them.",
        "control plane",
    ),
    Variable(
        "AERODROME_DATABASE_OWNER_URL",
        "the embedded Postgres",
        "The owner's connection. Only the migrations get it.",
        "migrations",
    ),
    Variable(
        "AERODROME_DATABASE_SCHED_URL",
        "the embedded Postgres",
        "The schedulers' connection: also sees the thin ledger of every tenant.",
        "control plane",
    ),
    Variable(
        "AERODROME_DATABASE_AUTH_URL",
        "the embedded Postgres",
        "The sign-in connection: people, memberships and token hashes, before a tenant is known.",
        "control plane",
    ),
    Variable(
        "AERODROME_REDIS_URL",
        "the embedded Valkey",
        "Redis or Valkey: `redis://…`, `rediss://…` or `unix://:password@/path?db=0`.",
        "control plane",
    ),
    Variable(
        "AERODROME_SECRET_KEY_FILE",
        "`<data>/secrets/secret-key`",
        "File with Django's secret key. Made at the first start, like every file in `secrets`.",
        "control plane",
    ),
    Variable(
        "AERODROME_ENCRYPTION_KEY_FILE",
        "`<data>/secrets/encryption-key`",
        "File with the key-encryption key of the embedded secret store: 32 bytes, base64. "
        "Without it, stored connections and variables cannot be read again: keep a copy apart.",
        "control plane",
    ),
    Variable(
        "AERODROME_SIGNING_KEY_FILE",
        "`<data>/secrets/signing-key.pem`",
        "File with the Ed25519 private key (PEM) that signs task and API tokens.",
        "control plane",
    ),
    Variable(
        "AERODROME_STORE",
        "`<data>/store`",
        "Folder for artefacts and task logs.",
        "control plane",
    ),
    Variable(
        "AERODROME_GIT_DIR",
        "`<data>/git`",
        "Folder for the tenants' bare Git repositories.",
        "control plane",
    ),
    Variable(
        "AERODROME_GATEWAY_SOCKET",
        "`<data>/run/gateway.sock`",
        "Unix socket on which the gateway answers agents.",
        "control plane",
    ),
    Variable(
        "AERODROME_AGENT_SOCKET",
        "the gateway's socket",
        "Unix socket on which the agent reaches the gateway.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_URL",
        "none: the socket is used",
        "Base URL of the gateway for an agent on another machine.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_EXECUTION_URL",
        "`<AERODROME_BASE_URL>/execution`",
        "Base URL of the Task Execution API, for the Task SDK in a tenant's runtime.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_TOKEN_FILE",
        "`<data>/secrets/agent.token`",
        "File with the token by which the agent and the gateway know each other.",
        "control plane, agent",
    ),
    Variable(
        "AERODROME_AGENT_SLOTS",
        "twice the processors, at least 4",
        "How many tasks the agent runs at once.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_TRIGGERS",
        "1000",
        "How many triggers of deferred tasks the agent holds at most.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_NAME",
        "the host's name",
        "The agent's name in the ledger and the portal.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_DIR",
        "`<data>/agent`",
        "The agent's folder: tenant runtimes, unpacked bundles, homes of tasks.",
        "agent",
    ),
    Variable(
        "AERODROME_TASK_NETWORK",
        "`none`",
        "What network a task sees: `none` (a loopback of its own) or `host` (the machine's).",
        "agent",
    ),
    Variable(
        "AERODROME_MAIL_RELAY",
        "`public`",
        "Where the agent sends mails for tasks that have no network, through the tenant's own SMTP connection: "
        "`public` (only to servers with public addresses), `any`, or `off`.",
        "agent",
    ),
    Variable(
        "AERODROME_PREPARE",
        "`true`",
        "`false` keeps the control plane from preparing statements: needed behind a transaction pooler that "
        "cannot follow them.",
        "control plane",
    ),
    Variable(
        "AERODROME_ALLOWED_HOSTS",
        "`*`",
        "Host names the web server answers to, separated by commas. Set it where people reach it directly.",
        "control plane",
    ),
    Variable(
        "AERODROME_RUNTIME_AIRFLOW",
        "`3.3.2`",
        "The Airflow version of a new tenant's runtime; it needs a lock in `runtime/locks`.",
        "control plane",
    ),
    Variable(
        "AERODROME_RUNTIME_PYTHON",
        "`3.11`",
        "The Python version of a new tenant's runtime.",
        "control plane",
    ),
    Variable(
        "AERODROME_PUSH_WAIT_SECONDS",
        "`20`",
        "How long `git push` waits for the parse's result before it says that it goes on.",
        "control plane",
    ),
    Variable(
        "AERODROME_MAX_MAP_LENGTH",
        "`1024`",
        "How long a value may be that tasks are mapped over (Airflow's `[core] max_map_length`); at least 100. "
        "A task that returns a longer one fails.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_BYTES",
        "`200000000`",
        "The largest bundle, unpacked, in bytes.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_FILES",
        "`20000`",
        "The most files in a bundle.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_FILE_BYTES",
        "`105000000`",
        "The largest file in a bundle, in bytes.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_RATIO",
        "`200`",
        "How many times larger than packed a bundle may unpack to: a bound on archive bombs.",
        "control plane",
    ),
    Variable(
        "AERODROME_GIT_MAX_BYTES",
        "`2000000000`",
        "How large a tenant's Git repository, with all its history, may grow, in bytes.",
        "control plane",
    ),
    Variable(
        "AERODROME_WEB_WORKERS",
        "`2`",
        "Worker processes of the web server.",
        "launcher",
    ),
    Variable(
        "AERODROME_LOG_LEVEL",
        "`INFO`",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    ),
    Variable(
        "AERODROME_PYTHON",
        "the first of `python3`, `python3.13` … `python3.11` on the PATH that is 3.11 or newer",
        "The Python from which `./aerodrome` makes its environment.",
        "launcher",
    ),
    Variable(
        "AERODROME_UV",
        "the one in `.venv`",
        "The `uv` program with which tenants' runtimes are built.",
        "agent",
    ),
)


@dataclass(frozen=True)
class Settings:
    """The values in force. What the launcher finds only at start (free port, embedded URLs) is None here."""

    data: Path
    bind_host: str
    bind_port: int
    base_url: str | None
    database_urls: DatabaseUrls | None
    redis_url: str | None
    secret_key_file: Path
    encryption_key_file: Path
    signing_key_file: Path
    store: Path
    git_dir: Path
    gateway_socket: Path | None
    agent_socket: Path | None
    agent_url: str | None
    agent_execution_url: str | None
    agent_token_file: Path
    agent_slots: int
    agent_triggers: int
    agent_dir: Path
    web_workers: int
    log_level: str


def read_settings(*, environment: Mapping[str, str], checkout: Path) -> Settings:
    """Reads the table's variables. Raises ``SettingWrong``."""
    data = Path(environment.get("AERODROME_DATA") or default_data_folder(checkout=checkout)).absolute()

    def path(name: str, *default: str) -> Path:
        return Path(environment.get(name) or data.joinpath(*default)).absolute()

    host, port = _address(environment.get("AERODROME_BIND", "127.0.0.1:0"))
    gateway, agent = (environment.get(f"AERODROME_{name}_SOCKET") for name in ("GATEWAY", "AGENT"))
    return Settings(
        data=data,
        bind_host=host,
        bind_port=port,
        base_url=environment.get("AERODROME_BASE_URL", "").rstrip("/") or None,
        database_urls=_database_urls(environment),
        redis_url=environment.get("AERODROME_REDIS_URL") or None,
        secret_key_file=path("AERODROME_SECRET_KEY_FILE", "secrets", "secret-key"),
        encryption_key_file=path("AERODROME_ENCRYPTION_KEY_FILE", "secrets", "encryption-key"),
        signing_key_file=path("AERODROME_SIGNING_KEY_FILE", "secrets", "signing-key.pem"),
        store=path("AERODROME_STORE", "store"),
        git_dir=path("AERODROME_GIT_DIR", "git"),
        gateway_socket=Path(gateway).absolute() if gateway else None,
        agent_socket=Path(agent).absolute() if agent else None,
        agent_url=environment.get("AERODROME_AGENT_URL") or None,
        agent_execution_url=environment.get("AERODROME_AGENT_EXECUTION_URL") or None,
        agent_token_file=path("AERODROME_AGENT_TOKEN_FILE", "secrets", "agent.token"),
        agent_slots=_whole_number(environment, "AERODROME_AGENT_SLOTS", max(4, 2 * (os.cpu_count() or 1))),
        agent_triggers=_whole_number(environment, "AERODROME_AGENT_TRIGGERS", 1000),
        agent_dir=path("AERODROME_AGENT_DIR", "agent"),
        web_workers=_whole_number(environment, "AERODROME_WEB_WORKERS", 2),
        log_level=_log_level(environment.get("AERODROME_LOG_LEVEL", "INFO")),
    )


def default_data_folder(*, checkout: Path) -> Path:
    """Where the data lies unless told: apart for each checkout, and for root where servers can reach it."""
    if os.geteuid() != 0:
        return checkout / ".aerodrome"
    digest = hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()[:8]
    return Path("/var/lib/aerodrome") / f"{checkout.resolve().name}-{digest}"


def _database_urls(environment: Mapping[str, str]) -> DatabaseUrls | None:
    given = {key: environment.get(name, "") for key, name in DATABASE_VARIABLES.items()}
    if not any(given.values()):
        return None
    missing = [DATABASE_VARIABLES[key] for key, url in given.items() if not url]
    if missing:
        raise SettingWrong(
            f"for a Postgres of your own, also set {', '.join(missing)}: each component connects as a role "
            "of its own. `./aerodrome prepare-database --admin-url URL` makes the roles and prints all four"
        )
    for key, url in given.items():
        if urlsplit(url).scheme not in ("postgresql", "postgres"):
            raise SettingWrong(f"{DATABASE_VARIABLES[key]} must begin with postgresql://")
    return DatabaseUrls(**given)


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65_535:
        raise SettingWrong(f"AERODROME_BIND must be ADDRESS:PORT, for example 127.0.0.1:8080, not {text!r}")
    return host.strip("[]"), int(port)


def _whole_number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise SettingWrong(f"{name} must be a whole number from 1 to 1000, not {text!r}")
    return int(text)


def _log_level(text: str) -> str:
    level = text.upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise SettingWrong(f"AERODROME_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {text!r}")
    return level
