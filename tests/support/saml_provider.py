"""The SAML provider's process, a browser that signs in there, and whoever tampers with what it brings."""

from __future__ import annotations

import base64
import contextlib
import html
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

PATIENCE_SECONDS = 60.0
NAMES = {
    "p": "urn:oasis:names:tc:SAML:2.0:protocol",
    "a": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
Alter = Callable[[Any], None]


class SamlProvider:
    """`address`: its web server. `key`: what it signs with, as a file."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address, self.key = f"http://127.0.0.1:{port}", folder / "key.pem"

    def metadata(self) -> str:
        return requests.get(f"{self.address}/metadata", timeout=20).text

    def learn_service(self, metadata: str) -> None:
        requests.put(f"{self.address}/service", data=metadata.encode(), timeout=20).raise_for_status()

    def put_person(self, name: str, **said: object) -> None:
        """Attributes, and `sign_response`, `sign_assertion`, `transient`."""
        requests.put(f"{self.address}/people/{quote(name)}", json=said, timeout=20).raise_for_status()

    def browse(self, address: str, name: str) -> tuple[str, dict[str, str]]:
        """Sign in there: where the browser posts what to."""
        page = requests.post(address, data={"sub": name}, timeout=20)
        assert page.status_code == 200, page.text[:500]
        [action] = re.findall(r'action="([^"]*)"', page.text)
        fields = re.findall(r'name="(SAMLResponse|RelayState)" value="([^"]*)"', page.text)
        return html.unescape(action), {key: html.unescape(value) for key, value in fields}

    def altered(self, response: str, alter: Alter, *, signed: bool) -> str:
        """Another response: altered, and then signed by the provider's key anew, or left as it was signed."""
        root = etree.fromstring(base64.b64decode(response))
        alter(root)
        if signed:
            for node in root.findall(".//a:Assertion", NAMES):
                sign(node, self.key)
        return base64.b64encode(etree.tostring(root)).decode()


def sign(
    node: Any, key: Path, *, method: str = "TransformRsaSha256", digest: str = "TransformSha256"
) -> None:
    """Anew, with the key; certificates that it carries are nobody's business."""
    for old in node.findall("ds:Signature", NAMES):
        node.remove(old)
    named = xmlsec.constants
    template = xmlsec.template.create(node, named.TransformExclC14N, getattr(named, method))
    node.insert(1, template)
    reference = xmlsec.template.add_reference(template, getattr(named, digest), uri=f"#{node.get('ID')}")
    xmlsec.template.add_transform(reference, named.TransformEnveloped)
    xmlsec.template.add_transform(reference, named.TransformExclC14N)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(key), named.KeyDataFormatPem)
    context.register_id(node, "ID")
    context.sign(template)


@contextlib.contextmanager
def running_saml_provider(folder: Path) -> Iterator[SamlProvider]:
    """Its process, with a key made for it."""
    make_key(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(__file__).with_name("saml_idp.py")
    command = [sys.executable, "-P", "-W", "ignore", str(program), str(port), str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ}, stdout=log, stderr=log)
    try:
        limit = time.monotonic() + PATIENCE_SECONDS
        while not _answers(port):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < limit, "the provider does not answer"
        yield SamlProvider(port, folder)
    finally:
        process.terminate()
        process.wait(10)


def make_key(folder: Path, *, bits: int = 2048) -> None:
    """`key.pem`, and `cert.pem` that is good for a day."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "identity provider")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.TraditionalOpenSSL
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False
