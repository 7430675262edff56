"""The embedded Postgres: who may do what, and that neither a kill nor a dead owner of its lock stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, closing
from pathlib import Path

import psycopg2
import pytest

from launcher import pids
from launcher.embedded import binaries, postgres
from launcher.embedded.accounts import choose_account
from launcher.embedded.roles import GRANTED_ROLE, ROLES, RoleTooStrong, prepare_database
from launcher.testing import EmbeddedServices, ServiceDidNotStart, embedded_services, running_server
from tests.launcher.as_account import needs_root, run_as


def _open(folder: Path) -> postgres.PostgresCluster:
    return postgres.open_cluster(
        home=folder / "postgres", copies=folder / "software", password_file=folder / "secrets" / "superuser"
    )


def _running(cluster: postgres.PostgresCluster, log_file: Path) -> AbstractContextManager[int]:
    return running_server(
        command=cluster.command(),
        account=cluster.account,
        is_ready=lambda: postgres.is_answering(cluster=cluster),
        log_file=log_file,
        stop_signal=signal.SIGINT,
    )


def _ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_no_role_could_see_every_tenant(services: EmbeddedServices) -> None:
    rows = _ask(
        services.urls.app,
        "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit, rolreplication "
        "FROM pg_roles WHERE rolname LIKE 'aerodrome_%' ORDER BY rolname",
    )
    assert rows == [
        (name, False, False, False, False, False, False) for name in sorted([*ROLES.values(), GRANTED_ROLE])
    ]


def test_nobody_signs_in_as_the_role_for_parts_and_the_application_alone_becomes_it(
    services: EmbeddedServices,
) -> None:
    [(can_sign_in,)] = _ask(
        services.urls.app, f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{GRANTED_ROLE}'"
    )
    assert can_sign_in is False
    _ask(services.urls.app, f"SET ROLE {GRANTED_ROLE}")
    for url in (services.urls.sched, services.urls.auth, services.urls.owner):
        with pytest.raises(psycopg2.Error, match="permission denied"):
            _ask(url, f"SET ROLE {GRANTED_ROLE}")


def test_only_the_owner_owns_and_makes_things(services: EmbeddedServices) -> None:
    _ask(services.urls.owner, "CREATE TABLE made_by_owner (a int)")
    owners = _ask(
        services.urls.app,
        "SELECT pg_get_userbyid(datdba), (SELECT pg_get_userbyid(nspowner) FROM pg_namespace "
        "WHERE nspname = 'public') FROM pg_database WHERE datname = current_database()",
    )
    assert owners == [("aerodrome_owner", "aerodrome_owner")]
    for url in (services.urls.app, services.urls.sched, services.urls.auth):
        with pytest.raises(psycopg2.Error, match=r"permission denied|no schema"):
            _ask(url, "CREATE TABLE made_by_other (a int)")
        with pytest.raises(psycopg2.Error, match="permission denied"):
            _ask(url, "SELECT * FROM public.made_by_owner")


def test_a_wrong_password_is_refused(services: EmbeddedServices) -> None:
    right = services.passwords["app"]
    assert _ask(services.urls.app, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(services.urls.app.replace(right, "wrong"))


def test_it_is_durable_and_listens_on_no_port(services: EmbeddedServices) -> None:
    names = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "listen_addresses")
    shown = [_ask(services.urls.app, f"SHOW {name}")[0][0] for name in names]
    assert shown == ["on", "on", "on", "on", ""]


@needs_root
def test_another_account_cannot_enter_the_sockets_folder(services: EmbeddedServices) -> None:
    def connect() -> str:
        try:
            psycopg2.connect(services.urls.app)
        except psycopg2.OperationalError as error:
            return str(error)
        return "connected"

    assert "Permission denied" in run_as("nobody", connect)


def test_passwords_are_in_private_files(services: EmbeddedServices) -> None:
    files = list((services.folder / "secrets").iterdir())
    assert len(files) == len(ROLES) + 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_one_more_database_has_the_same_rules(services: EmbeddedServices) -> None:
    urls = services.create_database("one_more")
    assert services.create_database("one_more") == urls
    _ask(urls.owner, "CREATE TABLE t (a int)")
    with pytest.raises(psycopg2.Error, match="permission denied"):
        _ask(urls.app, "SELECT * FROM public.t")


@pytest.mark.parametrize("role", ["aerodrome_app", GRANTED_ROLE])
def test_a_role_that_passes_row_level_security_is_refused(services: EmbeddedServices, role: str) -> None:
    admin = services.cluster.connect_arguments()
    with closing(psycopg2.connect(**admin)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"ALTER ROLE {role} BYPASSRLS")
        try:
            with pytest.raises(RoleTooStrong, match=role):
                prepare_database(admin=admin, passwords=services.passwords)
        finally:
            cursor.execute(f"ALTER ROLE {role} NOBYPASSRLS")
    prepare_database(admin=admin, passwords=services.passwords)


def test_committed_rows_survive_a_kill(open_folder: Path) -> None:
    cluster = _open(open_folder)
    log_file = open_folder / "postgres.log"
    with _running(cluster, log_file) as pid:
        with closing(psycopg2.connect(**cluster.connect_arguments())) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS a")
        os.kill(pid, signal.SIGKILL)
    again = _open(open_folder)
    done = postgres.clear_for_start(cluster=again)
    assert done is not None and "dead" in done
    with _running(again, log_file):
        with closing(psycopg2.connect(**again.connect_arguments())) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM kept")
            assert cursor.fetchone() == (1000,)


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, nobody has reaped it
    os.kill(child.pid, 0)  # what misleads others
    assert not pids.is_alive(pid=child.pid)
    child.wait()


def test_a_lock_held_by_a_zombie_does_not_stop_a_start(open_folder: Path) -> None:
    cluster = _open(open_folder)
    zombie = subprocess.Popen(["/bin/true"], **cluster.account.popen_arguments())
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    lock_file = cluster.folder / "postmaster.pid"
    lock_file.write_text(f"{zombie.pid}\n{cluster.folder}\n0\n5432\n\n\n  0 0\n")
    lock_file.chmod(0o600)
    if cluster.account.switches:
        os.chown(lock_file, cluster.account.uid, cluster.account.gid)
    with pytest.raises(ServiceDidNotStart, match="lock file"), _running(cluster, open_folder / "log"):
        pass  # the control: without the clearing, Postgres refuses
    postgres.clear_for_start(cluster=cluster)
    with _running(cluster, open_folder / "log"):
        pass
    zombie.wait()


def test_a_server_left_over_is_stopped_cleanly(open_folder: Path) -> None:
    cluster = _open(open_folder)
    log_file = open_folder / "postgres.log"
    with _running(cluster, log_file) as pid:
        assert postgres.running_pid(cluster=cluster) == pid
        done = postgres.clear_for_start(cluster=_open(open_folder))
        assert done is not None and str(pid) in done
        assert not pids.is_alive(pid=pid)
    assert "database system is shut down" in log_file.read_text()
    assert postgres.clear_for_start(cluster=cluster) is None


@needs_root
def test_root_runs_it_under_an_account_of_its_own(services: EmbeddedServices) -> None:
    account = choose_account(name=postgres.ACCOUNT)
    assert account.uid != 0
    with Path(f"/proc/{services.postgres_pid}/status").open() as status:
        uids = next(line.split()[1:] for line in status if line.startswith("Uid:"))
    assert uids == [str(account.uid)] * 4


@needs_root
def test_an_ordinary_user_runs_it_as_itself(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs may lie in root's private folder, so the user gets a copy that it can reach."""
    account = choose_account(name="nobody")
    copied = binaries.reachable_binaries(
        binaries=_in_closed_folder(open_folder), account=account, copies=open_folder / "software"
    )
    monkeypatch.setattr(postgres, "find_binaries", lambda *, major: copied)
    home = open_folder / "of-nobody"
    home.mkdir(mode=0o700)
    os.chown(home, account.uid, account.gid)

    def body() -> tuple[int, list[tuple[object, ...]]]:
        cluster = _open(home)
        with _running(cluster, home / "log") as pid:
            answer = postgres.is_answering(cluster=cluster)
            return Path(f"/proc/{pid}").stat().st_uid, [(answer,)]

    assert run_as("nobody", body) == (account.uid, [(True,)])


def _in_closed_folder(folder: Path) -> binaries.PostgresBinaries:
    """The installed programs behind a link in a folder that only root can pass through."""
    found = binaries.find_binaries()
    closed = folder / "closed" / "package"
    closed.mkdir(parents=True)
    subprocess.run(["cp", "-a", found.root, closed / "pginstall"], check=True)
    libraries = None
    if found.libraries:
        libraries = folder / "closed" / found.libraries.name
        subprocess.run(["cp", "-a", found.libraries, libraries], check=True)
    (folder / "closed").chmod(0o700)
    return binaries.PostgresBinaries(found.source, closed / "pginstall", found.version, libraries)


def test_throw_away_servers_leave_nothing(open_folder: Path) -> None:
    with embedded_services(open_folder) as services:
        pids_then = (services.postgres_pid, services.valkey_pid)
        assert all(pids.is_alive(pid=pid) for pid in pids_then)
    assert not any(pids.is_alive(pid=pid) for pid in pids_then)
    assert list(open_folder.iterdir()) == []
