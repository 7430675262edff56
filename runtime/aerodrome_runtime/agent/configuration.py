"""The agent's environment, read once and strictly. Nothing else of the environment is used or passed on."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast


class BadConfiguration(Exception):
    """A setting is missing or wrong; the message names it and says what it must be."""


@dataclass(frozen=True)
class Settings:
    url: str
    """Base URL of the gateway; with a socket only its path part matters."""
    socket_path: str | None
    execution_url: str
    token: str
    slots: int
    triggers: int
    """How many triggers it holds at most."""
    directory: Path
    name: str
    task_network: Literal["none", "host"]
    mail_relay: Literal["public", "any", "off"]
    connection_test_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    """What tests of connections may reach besides public addresses."""
    log_level: str
    uv: str | None


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read AERODROME_*; raises BadConfiguration with what to set."""
    socket_path = environment.get("AERODROME_AGENT_SOCKET") or None
    url = environment.get("AERODROME_AGENT_URL") or ("http://gateway" if socket_path else "")
    if not url:
        raise BadConfiguration(
            "Set AERODROME_AGENT_URL (http://host:port) or AERODROME_AGENT_SOCKET (a path)."
        )
    execution_url = environment.get("AERODROME_AGENT_EXECUTION_URL", "")
    if not execution_url.startswith(("http://", "https://")):
        raise BadConfiguration(
            "Set AERODROME_AGENT_EXECUTION_URL to the base URL of the Task Execution API, "
            f"e.g. http://127.0.0.1:8080/execution; it is {execution_url!r}."
        )
    token_file = Path(_required(environment, "AERODROME_AGENT_TOKEN_FILE"))
    try:
        token = token_file.read_text().strip()
    except OSError as error:
        raise BadConfiguration(f"AERODROME_AGENT_TOKEN_FILE cannot be read: {error}") from error
    if not token:
        raise BadConfiguration(f"AERODROME_AGENT_TOKEN_FILE {token_file} is empty.")
    try:
        slots = int(environment.get("AERODROME_AGENT_SLOTS", "4"))
    except ValueError as error:
        raise BadConfiguration("AERODROME_AGENT_SLOTS must be a whole number.") from error
    if not 1 <= slots <= 1000:
        raise BadConfiguration("AERODROME_AGENT_SLOTS must be between 1 and 1000.")
    try:
        triggers = int(environment.get("AERODROME_AGENT_TRIGGERS", "1000"))
    except ValueError as error:
        raise BadConfiguration("AERODROME_AGENT_TRIGGERS must be a whole number.") from error
    if not 0 <= triggers <= 10000:
        raise BadConfiguration("AERODROME_AGENT_TRIGGERS must be between 0 and 10000.")
    network = environment.get("AERODROME_TASK_NETWORK", "none")
    if network not in ("none", "host"):
        raise BadConfiguration("AERODROME_TASK_NETWORK must be none or host.")
    relay = environment.get("AERODROME_MAIL_RELAY", "public")
    if relay not in ("public", "any", "off"):
        raise BadConfiguration("AERODROME_MAIL_RELAY must be public, any or off.")
    try:
        networks = tuple(
            ipaddress.ip_network(each.strip())
            for each in environment.get("AERODROME_CONNECTION_TEST_NETWORKS", "").split(",")
            if each.strip()
        )
    except ValueError as error:
        raise BadConfiguration(
            f"AERODROME_CONNECTION_TEST_NETWORKS must be networks like 10.1.0.0/16, with commas: {error}."
        ) from error
    return Settings(
        url=url.rstrip("/"),
        socket_path=socket_path,
        execution_url=execution_url,
        token=token,
        slots=slots,
        triggers=triggers,
        directory=Path(_required(environment, "AERODROME_AGENT_DIR")).resolve(),
        name=environment.get("AERODROME_AGENT_NAME") or socket.gethostname(),
        task_network=cast(Literal["none", "host"], network),
        mail_relay=cast(Literal["public", "any", "off"], relay),
        connection_test_networks=networks,
        log_level=environment.get("AERODROME_LOG_LEVEL", "INFO").upper(),
        uv=environment.get("AERODROME_UV") or None,
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise BadConfiguration(f"Set {name}.")
    return value
