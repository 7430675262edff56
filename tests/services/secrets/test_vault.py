"""Vault's own: logging in, renewing, logging in anew, namespaces, and every way in which it can fail."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.secrets import vault
from controlplane.secrets.source import (
    SecretMalformed,
    SourceDenied,
    SourceFailed,
    SourceFaulty,
    SourceSealed,
    SourceSlow,
    SourceUnreachable,
)
from controlplane.secrets.vault import Login, VaultSession, VaultSource
from tests.support.bad_server import BadServer
from tests.support.bao import LOOPBACK, Bao, free_port
from tests.support.token_review import REVIEWER, TokenReviews


def source_at(address: str, login: Login, *, prefix: str = "alpha", **more: Any) -> VaultSource:
    session = VaultSession(address=address, login=login, allowed=LOOPBACK, **more)
    return VaultSource(session=session, mount="secret", prefix=prefix)


@pytest.fixture
def login(bao: Bao) -> Login:
    role_id, secret_id = bao.approle("alpha", token_ttl="1h")
    bao.put("alpha", "variables/k", value="v")
    return Login("approle", role_id=role_id, secret_id=secret_id)


@pytest.fixture
def source(bao: Bao, login: Login) -> VaultSource:
    return source_at(bao.address, login)


def ask(source: VaultSource, name: str = "k") -> Any:
    return source.read(kind="variable", name=name)


def held(source: VaultSource) -> Any:
    return source._session._held


def test_one_login_serves_many_questions(bao: Bao, source: VaultSource) -> None:
    assert ask(source) == "v"
    token = held(source).token
    assert ask(source) == "v"
    assert ask(source, "absent") is None
    assert held(source).token == token


def test_the_policy_is_the_wall(bao: Bao, login: Login) -> None:
    """A prefix that the credentials do not reach is refused, which is not the same as absent."""
    bao.put("omega", "variables/k", value="theirs")
    with pytest.raises(SourceDenied, match="policy"):
        ask(source_at(bao.address, login, prefix="omega"))
    with pytest.raises(SourceDenied):
        ask(source_at(bao.address, login, prefix="omega"), "absent")


def test_renewed_after_two_thirds_of_its_life(bao: Bao, source: VaultSource) -> None:
    assert ask(source) == "v"
    first = held(source)
    first.renew_at = time.monotonic() - 1
    assert ask(source) == "v"
    assert held(source).token == first.token, "renewed, not replaced"
    assert held(source).ends_at > first.ends_at


def test_a_renewal_that_gives_little_is_no_renewal(bao: Bao) -> None:
    """Near its greatest life Vault renews for what is left of it: then a new login is due."""
    role_id, secret_id = bao.approle("alpha", token_ttl="100s", token_max_ttl="101s")
    bao.put("alpha", "variables/k", value="v")
    source = source_at(bao.address, Login("approle", role_id=role_id, secret_id=secret_id))
    assert ask(source) == "v"
    first = held(source)
    first.renew_at, first.seconds = time.monotonic() - 1, 400.0
    assert ask(source) == "v"
    assert held(source).token != first.token


def test_expired_token_is_replaced(bao: Bao) -> None:
    role_id, secret_id = bao.approle("alpha", token_ttl="1s", token_max_ttl="1s")
    bao.put("alpha", "variables/k", value="v")
    source = source_at(bao.address, Login("approle", role_id=role_id, secret_id=secret_id))
    assert ask(source) == "v"
    first = held(source).token
    bao._until(lambda: _is_gone(bao, first))
    assert ask(source) == "v"
    assert held(source).token != first


def _is_gone(bao: Bao, token: str) -> bool:
    return not bao.client(token).is_authenticated()


def test_revoked_token_is_replaced_at_once(bao: Bao, source: VaultSource) -> None:
    assert ask(source) == "v"
    first = held(source).token
    bao.root.auth.token.revoke(first)
    assert ask(source) == "v"
    assert held(source).token != first


def test_revoked_and_no_way_back(bao: Bao, source: VaultSource) -> None:
    """The role's secret is gone as well: a clear refusal, and nobody is asked instead."""
    assert ask(source) == "v"
    bao.root.auth.token.revoke(held(source).token)
    bao.root.auth.approle.destroy_secret_id("alpha", source._session._login.secret_id)
    with pytest.raises(SourceDenied, match=r"approle was refused.*store new credentials"):
        ask(source)


def test_single_use_secret_id(bao: Bao) -> None:
    role_id, secret_id = bao.approle("alpha", secret_id_num_uses=1)
    bao.put("alpha", "variables/k", value="v")
    login = Login("approle", role_id=role_id, secret_id=secret_id)
    assert ask(source_at(bao.address, login)) == "v"
    with pytest.raises(SourceDenied):
        ask(source_at(bao.address, login))


def test_given_token(bao: Bao, login: Login) -> None:
    made = bao.root.auth.token.create(policies=["alpha"], ttl="1h")["auth"]["client_token"]
    source = source_at(bao.address, Login("token", token=made))
    assert ask(source) == "v"
    bao.root.auth.token.revoke(made)
    with pytest.raises(SourceDenied):
        ask(source)


def test_refusals_repeat_no_credential(bao: Bao) -> None:
    login = Login("approle", role_id="r-12345", secret_id="s-secret-12345")
    with pytest.raises(SourceDenied) as refused:
        ask(source_at(bao.address, login))
    assert "s-secret-12345" not in f"{refused.value!r} {login!r}"


def test_namespaces_are_apart(bao: Bao) -> None:
    for name in ("team-a", "team-b"):
        bao.root.write(f"sys/namespaces/{name}")
        inside = bao.client()
        inside._adapter.namespace = name
        inside.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        bao._until(lambda inside=inside: inside.secrets.kv.v2.read_configuration("secret"))
        inside.secrets.kv.v2.create_or_update_secret(
            "alpha/variables/k", {"value": name}, mount_point="secret"
        )
    login = Login("token", token=bao.root_token)
    assert ask(source_at(bao.address, login, namespace="team-a")) == "team-a"
    assert ask(source_at(bao.address, login, namespace="team-b")) == "team-b"
    with pytest.raises(SourceFailed):
        ask(source_at(bao.address, login, namespace="team-c"))


def test_kubernetes_login(bao: Bao) -> None:
    """Against the TokenReview endpoint of `token_review.py`, which is not a Kubernetes API server."""
    bao.approle("alpha")
    bao.put("alpha", "variables/k", value="v")
    with TokenReviews() as reviews:
        bao.root.sys.enable_auth_method("kubernetes")
        try:
            bao.root.write_data("auth/kubernetes/config", data={
                "kubernetes_host": f"http://127.0.0.1:{reviews.port}", "token_reviewer_jwt": REVIEWER,
                "disable_local_ca_jwt": True, "kubernetes_ca_cert": reviews.ca_pem(), "disable_iss_validation": True,
            })  # fmt: skip
            bao.root.write_data("auth/kubernetes/role/aerodrome", data={
                "bound_service_account_names": "control-plane", "bound_service_account_namespaces": "aerodrome",
                "token_policies": "alpha", "audience": "vault",
            })  # fmt: skip
            tokens = iter([reviews.token(), reviews.token()])
            good = source_at(bao.address, Login("kubernetes", role="aerodrome", jwt=lambda: next(tokens)))
            assert ask(good) == "v"
            bao.root.auth.token.revoke(held(good).token)
            assert ask(good) == "v", "a new login reads the mounted token anew"
            assert reviews.reviewed == 2
            for wrong in (
                reviews.token(key=ec.generate_private_key(ec.SECP256R1())),
                reviews.token(seconds=-3000),
            ):
                with pytest.raises(SourceDenied):
                    ask(source_at(bao.address, Login("kubernetes", role="aerodrome", jwt=wrong)))
        finally:
            bao.root.sys.disable_auth_method("kubernetes")


def test_sealed(bao: Bao, source: VaultSource) -> None:
    assert ask(source) == "v"
    bao.seal()
    with pytest.raises(SourceSealed, match="unseal"):
        ask(source)
    with pytest.raises(SourceSealed):
        ask(source_at(bao.address, source._session._login))
    bao.unseal()
    assert ask(source) == "v"


def test_down_and_up_again(bao: Bao, source: VaultSource) -> None:
    """Killed and started, it is sealed; unsealed, it serves again, and so does the old session."""
    assert ask(source) == "v"
    bao.kill()
    with pytest.raises(SourceUnreachable):
        ask(source)
    bao.start()
    with pytest.raises(SourceSealed):
        ask(source)
    bao.unseal()
    assert ask(source) == "v"


def test_answers_nothing(bao: Bao, source: VaultSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "HTTP_SECONDS", 0.3)
    slow = source_at(bao.address, source._session._login)
    bao.pause()
    try:
        with pytest.raises(SourceSlow):
            ask(slow)
    finally:
        bao.resume()

    def answers() -> bool:
        with suppress(SourceSlow):  # the server is busy with what it was asked meanwhile
            return ask(slow) == "v"
        return False

    bao._until(answers)


def test_another_engine(bao: Bao, login: Login) -> None:
    token = Login("token", token=bao.root_token)
    session = VaultSession(address=bao.address, login=token, allowed=LOOPBACK)
    for mount in ("nothing-here", "sys", "transit"):
        with pytest.raises(SourceFailed):
            ask(VaultSource(session=session, mount=mount, prefix="alpha"))


def test_a_variable_of_another_shape(bao: Bao, source: VaultSource) -> None:
    bao.put("alpha", "variables/odd", text="s3cret-word")
    with pytest.raises(SecretMalformed, match="`value`") as refused:
        ask(source, "odd")
    assert "s3cret-word" not in str(refused.value)


def test_deleted_is_absent(bao: Bao, source: VaultSource) -> None:
    bao.put("alpha", "variables/gone", value="v")
    bao.root.secrets.kv.v2.delete_latest_version_of_secret("alpha/variables/gone", mount_point="secret")
    assert ask(source, "gone") is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", SourceFaulty),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", SourceFaulty),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", SourceFaulty),
        (b"HTTP/1.1 307 T\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", SourceFaulty),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", SourceFaulty),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]', SourceFaulty),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 2_000_000, SourceFaulty),
        (b"SSH-2.0-OpenSSH_9.2\r\n", SourceUnreachable),
        (b"", SourceUnreachable),
    ],
    ids=["500", "502", "503", "redirect", "text", "list", "long", "not-http", "hangs-up"],
)  # fmt: skip
def test_bad_answers(answer: bytes, expected: type[SourceFailed]) -> None:
    with BadServer(answer) as server:
        with pytest.raises(expected):
            ask(source_at(server.address, Login("token", token="t")))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]", "0x7f000001"],
)
def test_internal_addresses_are_not_connected_to(host: str) -> None:
    session = VaultSession(address=f"http://{host}:{free_port()}", login=Login("token", token="t"))
    with pytest.raises(SourceUnreachable, match="internal address"):
        ask(VaultSource(session=session))


def test_a_name_that_means_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One internal address among them is enough: the second look-up of a rebinding name cannot choose it."""
    found = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr("controlplane.secrets.egress.socket.getaddrinfo", lambda *_, **__: found)
    session = VaultSession(address="http://vault.example.com", login=Login("token", token="t"))
    with pytest.raises(SourceUnreachable, match="internal address"):
        ask(VaultSource(session=session))


def test_neither_environment_nor_home_is_asked(
    bao: Bao, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", bao.root_token)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_NAMESPACE", "elsewhere")
    source = source_at(bao.address, login)
    assert ask(source) == "v"
    assert held(source).token != bao.root_token
