"""Stand-ins for Google Cloud Secret Manager and Azure Key Vault on loopback, as their REST references describe them.

They know one project and one vault each, check who asks (Google: the signature of the service account's JWT; Azure: the
challenge, the application's secret, the token), and answer absent, refused and disabled as the real ones do. They know
no policies: everybody who is let in may read everything.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import secrets
import ssl
import tempfile
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def private_key() -> tuple[rsa.RSAPrivateKey, str]:
    """A key, and its PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made, pem.decode()


class _Server:
    def __init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            do_POST = do_PUT = do_GET

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                status, body, headers = server.answer(self, self.rfile.read(length))
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.held: dict[str, str] = {}
        self.disabled: set[str] = set()
        self.broken: int | None = None
        """Answer everything with this status."""

    def start(self) -> None:
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, dict[str, str]]:
        raise NotImplementedError


class Google(_Server):
    """Project `suite`, service account `robot@suite.iam.gserviceaccount.com`."""

    project = "suite-project"
    email = "robot@suite-project.iam.gserviceaccount.com"

    def __init__(self) -> None:
        super().__init__()
        self._key, self.pem = private_key()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, dict[str, str]]:
        if self.broken:
            return _google(self.broken, "INTERNAL" if self.broken >= 500 else "RESOURCE_EXHAUSTED")
        token = (asked.headers.get("Authorization") or "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(
                token, self._key.public_key(), algorithms=["RS256"], options={"verify_aud": False}
            )
        except jwt.InvalidTokenError:
            return _google(401, "UNAUTHENTICATED")
        if claims["iss"] != self.email:
            return _google(403, "PERMISSION_DENIED")
        path = urlsplit(asked.path).path.removeprefix("/v1/")
        start = f"projects/{self.project}/secrets"
        query = parse_qs(urlsplit(asked.path).query)
        if asked.command == "POST" and path == start:
            name = query["secretId"][0]
            return (
                _google(409, "ALREADY_EXISTS")
                if name in self.held
                else (200, {"name": f"{start}/{name}"}, {})
            )
        name, _, rest = path.removeprefix(f"{start}/").partition("/")
        if asked.command == "POST" and name.endswith(":addVersion"):
            name = name.removesuffix(":addVersion")
            self.held[name] = json.loads(body)["payload"]["data"]
            return 200, {"name": f"{start}/{name}/versions/1"}, {}
        if rest != "versions/latest:access" or name not in self.held:
            return _google(404, "NOT_FOUND")
        if name in self.disabled:
            return _google(400, "FAILED_PRECONDITION")
        return 200, {"name": f"{start}/{name}/versions/1", "payload": {"data": self.held[name]}}, {}


def _google(status: int, word: str) -> tuple[int, Any, dict[str, str]]:
    return status, {"error": {"code": status, "message": word.lower(), "status": word}}, {}


@dataclass
class _Application:
    tenant: str = "11111111-2222-3333-4444-555555555555"
    client_id: str = "66666666-7777-8888-9999-000000000000"
    secret: str = field(default_factory=lambda: secrets.token_hex(16))


class Azure(_Server):
    """One vault and, at the same address, who vouches for applications; with a certificate of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.application = _Application()
        self._tokens: set[str] = set()
        key, pem = private_key()
        self.ca_pem = _certificate(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(pem + self.ca_pem)
            file.flush()
            context.load_cert_chain(file.name)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, dict[str, str]]:
        path = urlsplit(asked.path).path
        if path.startswith(f"/{self.application.tenant}/"):
            return self._vouch(path, body)
        token = (asked.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self._tokens:
            who = f'authorization="https://{self.host}/{self.application.tenant}"'
            challenge = f'Bearer {who}, resource="https://vault.azure.net"'
            return _azure(401, "Unauthorized", **{"WWW-Authenticate": challenge})
        if self.broken:
            return _azure(self.broken, "Throttled" if self.broken == 429 else "InternalError")
        name = path.removeprefix("/secrets/").strip("/")
        if asked.command == "PUT":
            self.held[name] = json.loads(body)["value"]
        elif name not in self.held:
            return _azure(404, "SecretNotFound")
        if name in self.disabled:
            return _azure(403, "Forbidden")
        told = {"value": self.held[name], "id": f"https://{self.host}/secrets/{name}/1"}
        return 200, {**told, "attributes": {"enabled": True, "created": 1, "updated": 1}}, {}

    def _vouch(self, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        place = f"https://{self.host}/{self.application.tenant}"
        if path.endswith("/.well-known/openid-configuration"):
            return (
                200,
                {
                    "issuer": f"{place}/v2.0",
                    "token_endpoint": f"{place}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{place}/oauth2/v2.0/authorize",
                },
                {},
            )
        given = {name: value[0] for name, value in parse_qs(body.decode()).items()}
        if (given.get("client_id"), given.get("client_secret")) != (
            self.application.client_id,
            self.application.secret,
        ):
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215"}, {}
        token = secrets.token_hex(16)
        self._tokens.add(token)
        return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token}, {}


def _azure(status: int, code: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    return status, {"error": {"code": code, "message": code}}, headers


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def as_google_sends(text: str) -> str:
    """Bytes in its JSON."""
    return base64.b64encode(text.encode()).decode()
