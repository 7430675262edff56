"""A stock git pushes to a live server: what is accepted, what is told, who may, and what is left after a crash."""

from __future__ import annotations

import base64
import gzip
import http.client
import random
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlplane.bundles.receive import reconcile_all
from controlplane.bundles.repository import PUBLISHED, read_heads, repository_path
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tenants.tokens import issue_token
from tests.support.bundles import dag_file, failure, parsed
from tests.support.git_client import Clone
from tests.support.parser import Parser, parsing
from tests.support.specs import chain
from tests.support.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(embedded: object) -> Iterator[WebServer]:
    with web_server(AERODROME_PUSH_WAIT_SECONDS="20") as running:
        yield running


@pytest.fixture
def parser(database: None) -> Iterator[Parser]:
    with parsing() as running:
        yield running


def git_token(tenant: Tenant, role: str = "Author") -> str:
    with tenant_scope(tenant.id):
        return issue_token(kind="git", name="laptop", role=role, created_by="somebody", now=utc_now()).text


def remote(server: WebServer, tenant: Tenant, token: str) -> str:
    return f"http://anybody:{token}@{server.address}/t/{tenant.slug}/git"


@pytest.fixture
def clone(server: WebServer, tenant: Tenant, tmp_path: Path) -> Clone:
    return Clone(folder=tmp_path / "work", url=remote(server, tenant, git_token(tenant)))


def bundles(tenant: Tenant) -> list[BundleVersion]:
    with tenant_scope(tenant.id):
        return list(BundleVersion.objects.order_by("id"))


def test_a_push_tells_what_was_accepted_and_what_is_wrong(
    clone: Clone, tenant: Tenant, parser: Parser
) -> None:
    parser.told = {
        "dags/good.py": parsed("dags/good.py", chain("good", 2)),
        "dags/bad.py": parsed(
            "dags/bad.py", failures=[failure("dags/bad.py", "NameError: name 'x' is not defined", line=7)]
        ),
    }
    commit = clone.commit({"dags/good.py": dag_file("good"), "dags/bad.py": dag_file("bad")}, "first dags")
    done = clone.push()
    assert done.status == 0, done.said
    told = "\n".join(done.remote)
    assert f"{commit[:12]} of main is recorded: 2 files" in told
    assert "ok     good  (new, version 1)  dags/good.py" in told
    assert "ERROR  dags/bad.py:7: NameError: name 'x' is not defined" in told
    [bundle] = bundles(tenant)
    assert (bundle.commit_sha, bundle.branch, bundle.source, bundle.state) == (
        commit,
        "main",
        "git",
        "parsed",
    )
    assert (bundle.message, bundle.pushed_by) == ("first dags", "token:laptop")


def test_each_push_is_a_version_and_a_fetch_gives_it_back(
    clone: Clone, tenant: Tenant, parser: Parser, tmp_path: Path
) -> None:
    first = clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    second = clone.commit({"dags/b.py": dag_file("b")})
    assert clone.push().status == 0
    assert [bundle.commit_sha for bundle in bundles(tenant)] == [first, second]
    assert bundles(tenant)[1].summary["changed"] == {"added": ["dags/b.py"], "changed": [], "removed": []}
    other = Clone(folder=tmp_path / "other", url=clone.url)
    assert other.git("pull", clone.url, "main").status == 0
    assert (other.folder / "dags/b.py").read_bytes() == dag_file("b")


def test_the_short_address_is_the_same_remote(
    clone: Clone, server: WebServer, tenant: Tenant, parser: Parser
) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    clone.url = f"http://x:{git_token(tenant)}@{server.address}/git/{tenant.slug}.git"
    assert clone.push().status == 0
    assert len(bundles(tenant)) == 1


def test_the_same_content_is_the_same_version(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    clone.commit({}, "nothing changed")
    assert clone.push().status == 0
    assert len(bundles(tenant)) == 1


def test_a_forced_push_back_deploys_the_earlier_commit(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    first = clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    clone.commit({"dags/a.py": dag_file("a") + b"# worse\n"})
    assert clone.push().status == 0
    assert clone.push(f"{first}:main", "--force").status == 0
    assert [bundle.commit_sha for bundle in bundles(tenant)][2] == first


def test_other_branches_are_kept_and_not_deployed(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    done = clone.push("main:feature")
    assert done.status == 0
    assert "Stored feature. Only main is deployed." in done.remote
    assert bundles(tenant) == []


def test_the_tenant_chooses_its_branch(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(settings={"branch": "production"})
    clone.commit({"dags/a.py": dag_file("a")})
    assert "Only production is deployed." in " ".join(clone.push("main:main").remote)
    assert clone.push("main:production").status == 0
    assert [bundle.branch for bundle in bundles(tenant)] == ["production"]


def test_master_is_deployed_when_there_is_no_main(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push("main:master").status == 0
    assert [bundle.branch for bundle in bundles(tenant)] == ["master"]


def test_a_chunked_push_is_read(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    noise = random.Random(1).randbytes(3_000_000)
    clone.commit({"dags/a.py": dag_file("a"), "data.bin": noise})
    assert clone.push(configuration={"http.postBuffer": "65536"}).status == 0
    assert bundles(tenant)[0].byte_count == 3_000_000 + len(dag_file("a"))


def link_out(clone: Clone) -> None:
    (clone.folder / "dags").mkdir(exist_ok=True)
    (clone.folder / "dags" / "secrets.py").symlink_to("/etc/passwd")


def submodule(clone: Clone) -> None:
    clone.commit({"a.py": b""})
    clone.git(
        "update-index", "--add", "--cacheinfo", f"160000,{clone.git('rev-parse', 'HEAD').output.strip()},lib"
    )


def colliding(clone: Clone) -> None:
    clone.write({"dags/a.py": b"1", "dags/A.py": b"2"})


def backslash(clone: Clone) -> None:
    clone.write({"dags\\a.py": b"1"})


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (link_out, "dags/secrets.py: is a symbolic link"),
        (submodule, "lib: is a submodule"),
        (colliding, "differs from 'dags/A.py' only in case"),
        (backslash, "backslash"),
    ],
)
def test_a_hostile_tree_is_refused_and_no_ref_moves(
    clone: Clone, tenant: Tenant, prepare: Callable[[Clone], None], said: str, parser: Parser
) -> None:
    prepare(clone)
    if prepare is not submodule:
        clone.git("add", "--all")
    clone.git("commit", "--quiet", "-m", "hostile")
    done = clone.push()
    assert done.status != 0
    assert said in " ".join(done.remote), done.said
    assert "pre-receive hook declined" in done.said
    assert read_heads(repository=repository_path(tenant_id=tenant.id)) == {}
    assert bundles(tenant) == []


def test_the_deployed_branch_cannot_be_deleted(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    done = clone.push(":main")
    assert done.status != 0
    assert "main" in read_heads(repository=repository_path(tenant_id=tenant.id))


def test_our_own_refs_are_out_of_reach(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    assert PUBLISHED not in clone.git("ls-remote", clone.url).output
    assert clone.push(f"main:{PUBLISHED}", "--force").status != 0
    assert clone.push("main:refs/replace/" + "0" * 39 + "1").status != 0


@pytest.mark.parametrize("token", ["", "wrong", "aero_git_" + "x" * 43])
def test_no_token_no_remote(server: WebServer, tenant: Tenant, tmp_path: Path, token: str) -> None:
    clone = Clone(folder=tmp_path / "work", url=remote(server, tenant, token))
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status != 0
    assert not repository_path(tenant_id=tenant.id).exists()


def test_a_strangers_token_is_refused_as_if_there_were_no_tenant(
    server: WebServer, tenant: Tenant, other_tenant: Tenant, tmp_path: Path
) -> None:
    token = git_token(other_tenant)
    clone = Clone(folder=tmp_path / "work", url=remote(server, tenant, token))
    clone.commit({"dags/a.py": dag_file("a")})
    here = clone.push()
    clone.url = clone.url.replace(f"/t/{tenant.slug}/", "/t/no-such-tenant/")
    nowhere = clone.push()
    assert here.status == nowhere.status != 0
    assert here.said.replace(tenant.slug, "X") == nowhere.said.replace("no-such-tenant", "X")
    assert bundles(tenant) == bundles(other_tenant) == []


def test_an_api_token_is_no_git_token(server: WebServer, tenant: Tenant, tmp_path: Path) -> None:
    with tenant_scope(tenant.id):
        text = issue_token(kind="api", name="ci", role="Owner", created_by="somebody", now=utc_now()).text
    clone = Clone(folder=tmp_path / "work", url=remote(server, tenant, text))
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status != 0


def test_a_viewers_token_fetches_and_does_not_push(
    clone: Clone, server: WebServer, tenant: Tenant, parser: Parser
) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    clone.url = remote(server, tenant, git_token(tenant, "Viewer"))
    assert clone.git("fetch", clone.url, "main").status == 0
    clone.commit({"dags/a.py": b"other"})
    done = clone.push()
    assert done.status != 0
    assert "may not push" in done.said


def test_two_pushes_at_once_end_in_order(
    clone: Clone, tenant: Tenant, parser: Parser, tmp_path: Path
) -> None:
    clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    others = []
    for number in range(3):
        other = Clone(folder=tmp_path / f"other-{number}", url=clone.url)
        assert other.git("pull", other.url, "main").status == 0
        other.commit({f"dags/{number}.py": dag_file(f"d{number}")})
        others.append(other)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda other: other.push(), others))
    assert sorted(each.status == 0 for each in done) == [False, False, True]
    head = read_heads(repository=repository_path(tenant_id=tenant.id))
    assert head["main"] == head[PUBLISHED] == bundles(tenant)[-1].commit_sha
    assert len(bundles(tenant)) == 2


def test_a_pusher_who_leaves_early_has_pushed(clone: Clone, tenant: Tenant) -> None:
    commit = clone.commit({"dags/a.py": dag_file("a")})
    process = subprocess.Popen(
        ["git", "push", clone.url, "main"], cwd=clone.folder, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process, process.stderr:
        told = next(line for line in process.stderr if "is recorded" in line)
        process.kill()
    assert commit[:12] in told
    assert [bundle.commit_sha for bundle in bundles(tenant)] == [commit]


def test_a_push_that_waits_in_vain_says_so(tenant: Tenant, tmp_path: Path) -> None:
    with web_server(AERODROME_PUSH_WAIT_SECONDS="0") as hasty:
        clone = Clone(folder=tmp_path / "work", url=remote(hasty, tenant, git_token(tenant)))
        clone.commit({"dags/a.py": dag_file("a")})
        done = clone.push()
    assert done.status == 0
    assert "nothing is lost" in " ".join(done.remote)


def test_too_large_a_push_is_refused(tenant: Tenant, tmp_path: Path, parser: Parser) -> None:
    noise = random.Random(2).randbytes(3_000_000)
    with web_server(AERODROME_BUNDLE_MAX_BYTES="1000000", AERODROME_GIT_MAX_BYTES="100") as small:
        clone = Clone(folder=tmp_path / "work", url=remote(small, tenant, git_token(tenant)))
        clone.commit({"dags/a.py": dag_file("a"), "noise.bin": noise})
        for configuration in ({"http.postBuffer": "65536"}, {"http.postBuffer": "9000000"}):
            done = clone.push(configuration=configuration)
            assert done.status != 0
            assert "more than 1 MB were sent" in done.said
        assert bundles(tenant) == []
        clone.git("rm", "--quiet", "noise.bin")
        clone.git("commit", "--quiet", "--amend", "-m", "smaller")
        assert clone.push().status == 0
        clone.commit({"dags/b.py": dag_file("b")})
        done = clone.push()
    assert done.status != 0
    assert "the repository holds" in done.said
    assert len(bundles(tenant)) == 1


@pytest.mark.heavy
def test_a_hundred_megabytes_are_pushed(clone: Clone, tenant: Tenant, parser: Parser) -> None:
    clone.commit({"dags/a.py": dag_file("a"), "noise.bin": random.Random(3).randbytes(100_000_000)})
    assert clone.push().status == 0
    assert bundles(tenant)[0].byte_count > 100_000_000


def test_a_gzipped_request_is_read(server: WebServer, tenant: Tenant, clone: Clone, parser: Parser) -> None:
    commit = clone.commit({"dags/a.py": dag_file("a")})
    assert clone.push().status == 0
    asked = f"0032want {commit}\n00000009done\n".encode()
    credentials = base64.b64encode(f"x:{git_token(tenant)}".encode()).decode()
    connection = http.client.HTTPConnection(server.address, timeout=30)
    headers = {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "application/x-git-upload-pack-request",
    }
    for body, encoding in ((asked, {}), (gzip.compress(asked), {"Content-Encoding": "gzip"})):
        connection.request("POST", f"/t/{tenant.slug}/git/git-upload-pack", body, {**headers, **encoding})
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"PACK" in answer.read()
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "info/refs", 404),
        ("GET", "HEAD", 404),
        ("GET", "objects/info/packs", 404),
        ("GET", "info/refs?service=git-upload-archive", 404),
        ("GET", "git-receive-pack", 405),
        ("POST", "info/refs?service=git-upload-pack", 405),
        ("GET", "../../etc/passwd", 404),
    ],
)
def test_nothing_but_the_smart_protocol_is_served(
    server: WebServer, tenant: Tenant, method: str, path: str, status: int
) -> None:
    credentials = base64.b64encode(f"x:{git_token(tenant)}".encode()).decode()
    connection = http.client.HTTPConnection(server.address, timeout=30)
    connection.request(
        method, f"/t/{tenant.slug}/git/{path}", headers={"Authorization": f"Basic {credentials}"}
    )
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize("point", ["bundles.publish.before_commit", "bundles.publish.after_commit"])
def test_a_push_cut_short_is_published_by_the_next_contact(
    server: WebServer, tenant: Tenant, tmp_path: Path, point: str
) -> None:
    token = git_token(tenant)
    with web_server(AERODROME_CRASH=point) as doomed:
        clone = Clone(folder=tmp_path / "work", url=remote(doomed, tenant, token))
        commit = clone.commit({"dags/a.py": dag_file("a")})
        assert clone.push().status != 0
    heads = read_heads(repository=repository_path(tenant_id=tenant.id))
    assert heads == {"main": commit}
    assert len(bundles(tenant)) == (1 if point.endswith("after_commit") else 0)
    clone.url = remote(server, tenant, token)
    assert commit in clone.git("ls-remote", clone.url).output
    assert [bundle.commit_sha for bundle in bundles(tenant)] == [commit]
    assert read_heads(repository=repository_path(tenant_id=tenant.id))[PUBLISHED] == commit


def test_a_push_cut_short_is_published_at_start(tenant: Tenant, tmp_path: Path) -> None:
    with web_server(AERODROME_CRASH="bundles.publish.before_commit") as doomed:
        clone = Clone(folder=tmp_path / "work", url=remote(doomed, tenant, git_token(tenant)))
        commit = clone.commit({"dags/a.py": dag_file("a")})
        assert clone.push().status != 0
    assert reconcile_all(now=utc_now()) == [tenant.id]
    assert [bundle.commit_sha for bundle in bundles(tenant)] == [commit]
    assert reconcile_all(now=utc_now()) == []
