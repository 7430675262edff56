"""The one endpoint of a Kubernetes API server that Vault's Kubernetes auth asks: TokenReview.

What it is faithful in: the path and shapes of `authentication.k8s.io/v1`, that the asker must have a token himself, that
a service account's token is checked for signature, end and audience, and that a refused one is answered with 201 and
`authenticated: false`. What it is not: an API server. It knows one service account and one signing key.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

REVIEWER = "the-reviewers-own-token"
PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


@dataclass
class TokenReviews:
    """Use as a context manager. `reviewed`: how many tokens it was asked about."""

    namespace: str = "aerodrome"
    account: str = "control-plane"
    reviewed: int = 0
    port: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def token(self, *, key: ec.EllipticCurvePrivateKey | None = None, seconds: float = 600) -> str:
        """A projected token of the service account."""
        now = datetime.now(tz=UTC)
        claims = {
            "iss": "https://kubernetes.default.svc", "aud": ["vault"], "iat": now, "nbf": now - timedelta(hours=1),
            "exp": now + timedelta(seconds=seconds), "sub": self._user,
            "kubernetes.io": {
                "namespace": self.namespace, "serviceaccount": {"name": self.account, "uid": "uid-1"},
            },
        }  # fmt: skip
        return jwt.encode(claims, key or self.key, algorithm="ES256")

    def ca_pem(self) -> str:
        """A certificate that nobody asks for here: Vault wants one, and speaks HTTP with this endpoint."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
        now = datetime.now(tz=UTC)
        made = (
            x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=self.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def _user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    def __enter__(self) -> TokenReviews:
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != PATH or self.headers.get("Authorization") != f"Bearer {REVIEWER}":
                    self._answer(403, {"kind": "Status", "status": "Failure", "code": 403})
                    return
                mine.reviewed += 1
                self._answer(201, {**body, "status": mine._status(body["spec"])})

            def _answer(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _status(self, spec: dict[str, Any]) -> dict[str, Any]:
        audiences = spec.get("audiences") or ["vault"]
        try:
            jwt.decode(spec["token"], self.key.public_key(), algorithms=["ES256"], audience=audiences)
        except jwt.InvalidTokenError as error:
            return {"authenticated": False, "error": str(error)}
        groups = [
            "system:serviceaccounts",
            f"system:serviceaccounts:{self.namespace}",
            "system:authenticated",
        ]
        user = {"username": self._user, "uid": "uid-1", "groups": groups}
        return {"authenticated": True, "user": user, "audiences": audiences}
