"""What each child is told: the agent, which runs tenants' code, learns no secret of the control plane."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from launcher.backing import Backing
from launcher.embedded.roles import DatabaseUrls
from launcher.environments import agent_environment, backup_environment, control_plane_environment
from launcher.ground import Ground
from launcher.settings import read_settings
from launcher.stack import control_plane_processes

URLS = DatabaseUrls(app="postgresql://app", owner="postgresql://owner", sched="postgresql://sched",
                    auth="postgresql://auth")  # fmt: skip
CALLER = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SOME_TOKEN": "hidden",
    "https_proxy": "http://proxy:3128",
    "SSL_CERT_FILE": "/certs.pem",
    "AERODROME_SECRET_KEY": "hidden",
    "AERODROME_DATABASE_OWNER_URL": "postgresql://owner",
    "AERODROME_REDIS_URL": "unix://hidden",
    "AERODROME_AGENT_NAME": "one",
    "AERODROME_ALLOWED_HOSTS": "example.com",
}


def _ground() -> Ground:
    return Ground(
        settings=read_settings(environment={"AERODROME_DATA": "/data"}, checkout=Path("/checkout")),
        checkout=Path("/checkout"),
        caller=CALLER,
        backing=Backing(URLS, "unix://hidden", True, "18.6", ()),
        port=8080,
        base_url="http://127.0.0.1:8080",
        gateway_socket=Path("/data/run/gateway.sock"),
        python=Path("/checkout/.venv/bin/python"),
    )


def test_the_agent_learns_no_database_redis_or_key() -> None:
    environment = agent_environment(ground=_ground())
    ours = {name for name in environment if name.startswith("AERODROME_")}
    assert ours == {
        "AERODROME_UV", "AERODROME_LOG_LEVEL", "AERODROME_AGENT_NAME", "AERODROME_AGENT_SOCKET",
        "AERODROME_AGENT_EXECUTION_URL", "AERODROME_AGENT_TOKEN_FILE", "AERODROME_AGENT_SLOTS",
        "AERODROME_AGENT_DIR", "AERODROME_AGENT_TRIGGERS",
    }  # fmt: skip
    assert not [value for value in environment.values() if "hidden" in value or "postgresql" in value]
    assert environment["https_proxy"] == "http://proxy:3128"  # runtimes are built through it
    assert environment["SSL_CERT_FILE"] == "/certs.pem"


def test_only_the_migrations_get_the_owner() -> None:
    ground = _ground()
    ordinary = control_plane_environment(ground=ground)
    assert "AERODROME_DATABASE_OWNER_URL" not in ordinary
    assert "postgresql://owner" not in ordinary.values()
    assert ordinary["AERODROME_DATABASE_URL"] == "postgresql://app"
    migrations = control_plane_environment(ground=ground, with_owner=True)
    assert migrations["AERODROME_DATABASE_OWNER_URL"] == "postgresql://owner"


def test_only_who_makes_backups_learns_where_their_copies_go() -> None:
    copies = {"AERODROME_BACKUP_COPY": "s3://far", "AERODROME_BACKUP_COPY_CREDENTIALS_FILE": "/login"}
    said = {**copies, "AERODROME_BACKUP_FOLDER": "/backups", "AWS_PROFILE": "backups"}
    ground = replace(_ground(), caller=CALLER | said)
    assert backup_environment(ground=ground).items() >= said.items()
    assert "SOME_TOKEN" not in backup_environment(ground=ground)
    ordinary = control_plane_environment(ground=ground)
    assert ordinary.keys() & said.keys() == {"AERODROME_BACKUP_FOLDER"}, "the watchdog asks for it"
    assert not agent_environment(ground=ground).keys() & said.keys()


def test_a_stack_with_a_folder_for_backups_makes_them() -> None:
    def names(**variables: str) -> set[str]:
        told = {"AERODROME_DATA": "/data", **variables}
        settings = read_settings(environment=told, checkout=Path("/checkout"))
        return {row.name for row in control_plane_processes(replace(_ground(), settings=settings))}

    assert names(AERODROME_BACKUP_FOLDER="/backups") - names() == {"backup"}
    urls = URLS.as_environment() | {"AERODROME_BACKUP_FOLDER": "/backups"}
    assert "backup" not in names(**urls), "who may dump a Postgres of one's own is not told to a stack"


def test_children_write_byte_code_and_get_nothing_unasked() -> None:
    for environment in (control_plane_environment(ground=_ground()), agent_environment(ground=_ground())):
        assert "PYTHONDONTWRITEBYTECODE" not in environment
        assert "SOME_TOKEN" not in environment
        assert environment["PATH"] == "/bin"
    assert control_plane_environment(ground=_ground())["AERODROME_ALLOWED_HOSTS"] == "example.com"
