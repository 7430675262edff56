"""The rule for keys: a backup never holds one, for whoever finds it would read every secret in it.

They go to a file of their own, which is kept apart (a vault, a safe), and is needed to restore. The backup's manifest
holds their fingerprints only, so that a wrong key is refused before anything is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

from launcher.secret_files import read_secret
from launcher.settings import Settings

FORMAT = "aerodrome-keys"


class KeysUnusable(Exception):
    """Keys are missing, are not those of the backup, or would lie beside it."""


def key_files(settings: Settings) -> dict[str, Path]:
    """Where each key of this installation is. What opens secrets, what signs, how the embedded server is entered."""
    return {
        "encryption-key": settings.encryption_key_file,
        "secret-key": settings.secret_key_file,
        "signing-key": settings.signing_key_file,
        "agent-token": settings.agent_token_file,
        "postgres-superuser": settings.data / "secrets" / "postgres-superuser",
    }


def read_keys(settings: Settings) -> dict[str, str]:
    """Those that are there. Raises SecretFileExposed."""
    return {name: read_secret(path=path) for name, path in key_files(settings).items() if path.exists()}


def fingerprints(keys: dict[str, str]) -> dict[str, str]:
    """16 digits each; keys are random, so nobody finds one from its fingerprint."""
    return {
        name: hashlib.sha256(f"aerodrome key\0{name}\0{key}".encode()).hexdigest()[:16]
        for name, key in keys.items()
    }


def write_keys(*, path: Path, keys: dict[str, str], backup: Path) -> None:
    """Raises KeysUnusable when the file is there, or would lie in the backup."""
    if path.resolve().is_relative_to(backup.resolve()):
        raise KeysUnusable(
            f"{path} lies in the backup: keep the keys elsewhere, they open every secret in it"
        )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeysUnusable(f"{path} exists already: keys are not written over") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump({"format": FORMAT, "keys": keys}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def find_keys(*, path: Path | None, settings: Settings, wanted: dict[str, str]) -> dict[str, str]:
    """The keys of the file, and those that this installation has already; all that `wanted` names.

    Raises KeysUnusable when one is missing or another one, and when others can read the file.
    """
    keys = read_keys(settings) | (_read(path) if path else {})
    found = fingerprints(keys)
    if missing := sorted(wanted.keys() - found.keys()):
        raise KeysUnusable(
            f"the backup was made with keys that are not here: {', '.join(missing)}. Give the file that "
            "`./aerodrome backup --keys FILE` wrote: --keys FILE"
        )
    if wrong := sorted(name for name, print_ in wanted.items() if found[name] != print_):
        raise KeysUnusable(
            f"these are not the keys of the backup: {', '.join(wrong)} (the manifest has their fingerprints)"
        )
    return {name: keys[name] for name in wanted}


def place_keys(*, settings: Settings, keys: dict[str, str]) -> None:
    """Write those that are not in place yet."""
    for name, path in key_files(settings).items():
        if name in keys and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(keys[name])


def _read(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeysUnusable(f"other accounts can read {path}: run `chmod 600 {path}`")
        said = json.loads(path.read_text())
    except FileNotFoundError:
        raise KeysUnusable(f"there is no file {path}") from None
    except ValueError as error:
        raise KeysUnusable(f"{path} is not a file of keys: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise KeysUnusable(f"{path} is not a file of keys")
    return {str(name): str(key) for name, key in said["keys"].items()}
