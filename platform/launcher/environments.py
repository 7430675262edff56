"""The environment of each child: built from nothing, so that a secret reaches only who needs it.

The agent runs tenants' code: it learns no database, no Redis and no key, only how to reach the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping

from launcher.ground import Ground
from launcher.passwords import as_variables
from launcher.settings import REDIS_VARIABLE

# Kept from the caller: where programs are, the language, certificates, proxies, package indexes.
_KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "NO_COLOR"}
_KEPT_FOR_DOWNLOADS = ("SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
                       "ALL_PROXY", "UV_", "PIP_")  # fmt: skip
_AGENT_ONLY = (
    "AERODROME_AGENT_",
    "AERODROME_TASK_NETWORK",
    "AERODROME_MAIL_RELAY",
    "AERODROME_CONNECTION_TEST_NETWORKS",
    "AERODROME_LOG_LEVEL",
    "AERODROME_UV",
)
_NOT_FROM_CALLER = ("AERODROME_DATABASE_", "AERODROME_REDIS_", "AERODROME_BACKUP_COPY")


def control_plane_environment(*, ground: Ground, with_owner: bool = False) -> dict[str, str]:
    """For web, gateway, scheduler and (``with_owner``) the migrations."""
    settings = ground.settings
    urls = ground.backing.databases.as_environment() | {REDIS_VARIABLE: ground.backing.redis_url}
    if not with_owner:
        del urls["AERODROME_DATABASE_OWNER_URL"]
    return {
        **_kept(ground.caller),
        **{
            name: value
            for name, value in ground.caller.items()
            if name.startswith("AERODROME_") and not name.startswith(_NOT_FROM_CALLER)
        },
        "PYTHONPATH": f"{ground.checkout / 'platform'}:{ground.checkout}",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "AERODROME_DATA": str(settings.data),
        "AERODROME_BASE_URL": ground.base_url,
        "AERODROME_SECRET_KEY_FILE": str(settings.secret_key_file),
        "AERODROME_ENCRYPTION_KEY_FILE": str(settings.encryption_key_file),
        "AERODROME_SIGNING_KEY_FILE": str(settings.signing_key_file),
        "AERODROME_STORE": str(settings.store),
        "AERODROME_GIT_DIR": str(settings.git_dir),
        "AERODROME_GATEWAY_SOCKET": str(ground.gateway_socket),
        "AERODROME_AGENT_TOKEN_FILE": str(settings.agent_token_file),
        "AERODROME_LOG_LEVEL": settings.log_level,
        **as_variables(urls=urls, files=ground.backing.password_files),
    }


def backup_environment(*, ground: Ground) -> dict[str, str]:
    """For who makes backups: what the launcher itself was told, and how the machine's own credentials are found."""
    caller = ground.caller
    return {
        **_kept(caller),
        **{
            name: value
            for name, value in caller.items()
            if name.startswith(("AERODROME_", "AWS_")) or name.upper().startswith(_KEPT_FOR_DOWNLOADS)
        },
        "PYTHONPATH": f"{ground.checkout / 'platform'}:{ground.checkout}",
        "PYTHONUNBUFFERED": "1",
        "AERODROME_DATA": str(ground.settings.data),
    }


def agent_environment(*, ground: Ground) -> dict[str, str]:
    """For the agent: nothing of the databases, Redis or the keys."""
    settings, caller = ground.settings, ground.caller
    where = (
        {"AERODROME_AGENT_URL": settings.agent_url}
        if settings.agent_url
        else {"AERODROME_AGENT_SOCKET": str(settings.agent_socket or ground.gateway_socket)}
    )
    return {
        "AERODROME_UV": ground.program("uv"),
        **_kept(caller),
        **{name: value for name, value in caller.items() if name.upper().startswith(_KEPT_FOR_DOWNLOADS)},
        **{name: value for name, value in caller.items() if name.startswith(_AGENT_ONLY)},
        "PYTHONPATH": f"{ground.checkout / 'runtime'}:{ground.checkout / 'platform'}",
        "PYTHONUNBUFFERED": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        **where,
        "AERODROME_AGENT_EXECUTION_URL": settings.agent_execution_url or f"{ground.base_url}/execution",
        "AERODROME_AGENT_TOKEN_FILE": str(settings.agent_token_file),
        "AERODROME_AGENT_SLOTS": str(settings.agent_slots),
        "AERODROME_AGENT_TRIGGERS": str(settings.agent_triggers),
        "AERODROME_AGENT_DIR": str(settings.agent_dir),
        "AERODROME_LOG_LEVEL": settings.log_level,
    }


def _kept(caller: Mapping[str, str]) -> dict[str, str]:
    # PYTHONDONTWRITEBYTECODE and the like stay behind: without byte code each start takes twice as long.
    return {"LANG": "C.UTF-8"} | {name: value for name, value in caller.items() if name in _KEPT}
