"""Makes and reads the files that hold secrets: passwords, keys and tokens.

Each is created once, mode 0600, through a temporary file and a rename, so that an interrupted start never
leaves half a key behind. An existing file that others could read is refused.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path


class SecretFileExposed(Exception):
    """A secret file can be read by other accounts of this machine."""


def random_password() -> bytes:
    """A password of 32 hexadecimal digits: 128 bits, and nothing that a URL must quote."""
    return secrets.token_hex(16).encode()


def random_key() -> bytes:
    """A 256-bit key, URL-safe base64 without padding."""
    return secrets.token_urlsafe(32).encode()


def ed25519_private_key() -> bytes:
    """A new Ed25519 private key, PEM (PKCS 8), not encrypted."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ensure_secret(*, path: Path, make: Callable[[], bytes]) -> str:
    """Returns the secret in ``path``; makes it first when there is none.

    Raises ``SecretFileExposed`` when the file's mode lets group or others read it.
    """
    try:
        return read_secret(path=path)
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another start made it first; its value counts
    finally:
        temporary.unlink()
    return read_secret(path=path)


def replace_secret(*, path: Path, secret: str) -> None:
    """Puts another secret into the file: whoever reads sees the old one or the new one, and a crash leaves either."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        found = path.stat()
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(temporary, found.st_uid, found.st_gid)
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_secret(*, path: Path) -> str:
    """Returns the secret in ``path`` without the last line break."""
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretFileExposed(
            f"{path} has mode {stat.S_IMODE(mode):04o}, so other accounts can read it: "
            f"run `chmod 600 {path}`, and replace the secret if others use this machine"
        )
    return path.read_text().rstrip("\n")
