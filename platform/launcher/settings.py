"""What is set from outside, read once. The table of all that can be set: ``variables.py``.

The launcher reads these variables once, fills in what is not given, and exports the result to the processes
that need each value. The control plane and the agent read the same names, so they also run without it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launcher.embedded.roles import DATABASE_VARIABLES, DatabaseUrls
from launcher.passwords import file_variable, with_password
from launcher.secret_files import read_secret

REDIS_VARIABLE = "AERODROME_REDIS_URL"


class SettingWrong(Exception):
    """A variable has a value that cannot be used; the message names it and says what it must be."""


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
    audit_checkpoints: Path
    wal_archive: Path | None
    backup_folder: Path | None
    backup_hour: int
    backup_keep: int
    backup_copy: str | None
    backup_copy_region: str
    backup_copy_endpoint: str | None
    backup_copy_credentials_file: Path | None
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
    password_files: Mapping[str, Path]


def read_settings(*, environment: Mapping[str, str], checkout: Path) -> Settings:
    """Reads the table's variables. Raises ``SettingWrong``."""
    data = Path(environment.get("AERODROME_DATA") or default_data_folder(checkout=checkout)).absolute()

    def path(name: str, *default: str) -> Path:
        return Path(environment.get(name) or data.joinpath(*default)).absolute()

    files = _password_files(environment)
    host, port = _address(environment.get("AERODROME_BIND", "127.0.0.1:0"))
    gateway, agent = (environment.get(f"AERODROME_{name}_SOCKET") for name in ("GATEWAY", "AGENT"))
    return Settings(
        data=data,
        bind_host=host,
        bind_port=port,
        base_url=environment.get("AERODROME_BASE_URL", "").rstrip("/") or None,
        database_urls=_database_urls(environment, files),
        redis_url=_redis_url(environment, files),
        secret_key_file=path("AERODROME_SECRET_KEY_FILE", "secrets", "secret-key"),
        encryption_key_file=path("AERODROME_ENCRYPTION_KEY_FILE", "secrets", "encryption-key"),
        signing_key_file=path("AERODROME_SIGNING_KEY_FILE", "secrets", "signing-key.pem"),
        store=path("AERODROME_STORE", "store"),
        git_dir=path("AERODROME_GIT_DIR", "git"),
        audit_checkpoints=path("AERODROME_AUDIT_CHECKPOINTS", "audit-checkpoints"),
        wal_archive=_plain_folder(environment, "AERODROME_WAL_ARCHIVE"),
        backup_folder=_folder(environment, "AERODROME_BACKUP_FOLDER"),
        backup_hour=_whole_number(environment, "AERODROME_BACKUP_HOUR", 2, least=0, most=23),
        backup_keep=_whole_number(environment, "AERODROME_BACKUP_KEEP", 7),
        backup_copy=_bucket(environment, "AERODROME_BACKUP_COPY"),
        backup_copy_region=environment.get("AERODROME_BACKUP_COPY_REGION") or "us-east-1",
        backup_copy_endpoint=_web_address(environment, "AERODROME_BACKUP_COPY_ENDPOINT"),
        backup_copy_credentials_file=_folder(environment, "AERODROME_BACKUP_COPY_CREDENTIALS_FILE"),
        gateway_socket=Path(gateway).absolute() if gateway else None,
        agent_socket=Path(agent).absolute() if agent else None,
        agent_url=environment.get("AERODROME_AGENT_URL") or None,
        agent_execution_url=environment.get("AERODROME_AGENT_EXECUTION_URL") or None,
        agent_token_file=path("AERODROME_AGENT_TOKEN_FILE", "secrets", "agent.token"),
        agent_slots=_whole_number(environment, "AERODROME_AGENT_SLOTS", max(4, 2 * (os.cpu_count() or 1))),
        agent_triggers=_whole_number(environment, "AERODROME_AGENT_TRIGGERS", 1000, most=10_000),
        agent_dir=path("AERODROME_AGENT_DIR", "agent"),
        web_workers=_whole_number(environment, "AERODROME_WEB_WORKERS", 2),
        log_level=_log_level(environment.get("AERODROME_LOG_LEVEL", "INFO")),
        password_files=files,
    )


def default_data_folder(*, checkout: Path) -> Path:
    """Where the data lies unless told: apart for each checkout, and for root where servers can reach it."""
    if os.geteuid() != 0:
        return checkout / ".aerodrome"
    digest = hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()[:8]
    return Path("/var/lib/aerodrome") / f"{checkout.resolve().name}-{digest}"


def _password_files(environment: Mapping[str, str]) -> dict[str, Path]:
    """By the variable of the URL that each is for."""
    names = [
        name
        for name in (*DATABASE_VARIABLES.values(), REDIS_VARIABLE)
        if environment.get(file_variable(name))
    ]
    for name in names:
        if not environment.get(name):
            raise SettingWrong(
                f"{file_variable(name)} is set and {name} is not: the file is for that address"
            )
    return {name: Path(environment[file_variable(name)]).absolute() for name in names}


def _redis_url(environment: Mapping[str, str], files: Mapping[str, Path]) -> str | None:
    url = environment.get(REDIS_VARIABLE)
    if not url:
        return None
    return _with_password_of(url, files[REDIS_VARIABLE]) if REDIS_VARIABLE in files else url


def _with_password_of(url: str, file: Path) -> str:
    try:
        return with_password(url, read_secret(path=file).strip())
    except OSError as error:
        raise SettingWrong(f"the password file {file} cannot be read: {error}") from error


def _database_urls(environment: Mapping[str, str], files: Mapping[str, Path]) -> DatabaseUrls | None:
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
    for key, name in DATABASE_VARIABLES.items():
        if name in files:
            given[key] = _with_password_of(given[key], files[name])
    return DatabaseUrls(**given)


def _plain_folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    if not text:
        return None
    if not Path(text).is_absolute() or not re.fullmatch(r"[\w./+@:-]+", text, re.ASCII):
        raise SettingWrong(
            f"{name} must be an absolute path of letters, digits and ./+@:_- only, not {text!r}: it becomes "
            "part of a command of the database server"
        )
    return Path(text)


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    if text and not Path(text).is_absolute():
        raise SettingWrong(f"{name} must be an absolute path, not {text!r}")
    return Path(text) if text else None


def _bucket(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name)
    if text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^?#]*)?", text, re.ASCII):
        raise SettingWrong(f"{name} must be s3://BUCKET/PREFIX, not {text!r}")
    return text or None


def _web_address(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name)
    if text and not re.match(r"https?://[^/]", text):
        raise SettingWrong(f"{name} must begin with https:// or http://, not {text!r}")
    return text or None


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65_535:
        raise SettingWrong(f"AERODROME_BIND must be ADDRESS:PORT, for example 127.0.0.1:8080, not {text!r}")
    return host.strip("[]"), int(port)


def _whole_number(
    environment: Mapping[str, str], name: str, default: int, *, least: int = 1, most: int = 1000
) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or not least <= int(text) <= most:
        raise SettingWrong(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _log_level(text: str) -> str:
    level = text.upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise SettingWrong(f"AERODROME_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {text!r}")
    return level
