"""What a provider publishes is asked once an hour, and its keys again when it signs with one that is not known."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import override_settings
from jwt.algorithms import OKPAlgorithm

from tenants.models.identity_provider import IdentityProvider
from tenants.sso.fetch import ProviderUnreachable
from tenants.sso.published import (
    ASKED_AGAIN_SECONDS,
    KEPT_SECONDS,
    _place,
    endpoints_of,
    signing_key,
)


class Published:
    """A provider's public pages. `asked`: how often each was read. `keys`: names of the keys; `broken`: not there."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys = ["one"]
        self.broken = False
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mine.asked[self.path] += 1
                body = json.dumps(mine.page(self.path)).encode()
                self.send_response(500 if mine.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self._made: dict[str, dict[str, Any]] = {}

    def page(self, path: str) -> dict[str, Any]:
        if path == "/keys":
            return {"keys": [self._key(name) for name in self.keys]}
        places = ("authorization_endpoint", "token_endpoint")
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            **{name: f"{self.issuer}/{name}" for name in places},
        }

    def _key(self, name: str) -> dict[str, Any]:
        if name not in self._made:
            public = Ed25519PrivateKey.generate().public_key()
            self._made[name] = json.loads(OKPAlgorithm.to_jwk(public)) | {"kid": name, "use": "sig"}
        return self._made[name]


@pytest.fixture
def published(database: None) -> Iterator[Published]:
    made = Published()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    with override_settings(SSO_NETWORKS=(ipaddress.ip_network("127.0.0.0/8"),)):
        yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def provider(published: Published) -> IdentityProvider:
    return IdentityProvider(id=uuid4(), kind="oidc", issuer=published.issuer)


def test_it_is_asked_once(published: Published, provider: IdentityProvider) -> None:
    for _ in range(3):
        assert endpoints_of(provider)["token_endpoint"] == f"{published.issuer}/token_endpoint"
        assert signing_key(provider, "one") is not None
        assert signing_key(provider, None) is not None
    assert published.asked == {"/.well-known/openid-configuration": 1, "/keys": 1}


def test_it_is_kept_for_an_hour(published: Published, provider: IdentityProvider) -> None:
    from django.core.cache import cache  # collecting tests would look into it, before it is there

    signing_key(provider, "one")
    client = cache._cache.get_client()  # type: ignore[attr-defined]
    left = [client.ttl(cache.make_key(_place(provider, kind))) for kind in ("endpoints", "keys")]
    assert all(0 < seconds <= KEPT_SECONDS for seconds in left)


def test_an_unknown_key_asks_again_and_not_all_the_time(
    published: Published, provider: IdentityProvider
) -> None:
    assert signing_key(provider, "one") is not None
    published.keys = ["two", "three"]
    assert signing_key(provider, "two") is not None
    assert published.asked["/keys"] == 2
    # What was withdrawn is not trusted any more; whoever makes names up has the provider asked once a minute.
    assert [signing_key(provider, name) for name in ("one", "made up", "made up too")] == [None] * 3
    assert signing_key(provider, None) is None  # two keys: which one?
    assert published.asked["/keys"] == 2
    assert 0 < ASKED_AGAIN_SECONDS <= 60


def test_another_issuer_is_asked_anew(published: Published, provider: IdentityProvider) -> None:
    signing_key(provider, "one")
    provider.issuer = f"{published.issuer}/"
    signing_key(provider, "one")
    assert published.asked["/keys"] == 2


def test_what_is_no_answer_is_not_kept(published: Published, provider: IdentityProvider) -> None:
    published.broken = True
    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            endpoints_of(provider)
    published.broken = False
    assert signing_key(provider, "one") is not None
