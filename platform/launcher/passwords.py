"""Passwords that change while a stack runs: they lie in files, and what tells an address asks the file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from launcher.secret_files import read_secret


def file_variable(name: str) -> str:
    """The variable that names the file with the password of the address in variable `name` (`…_URL`)."""
    return f"{name.removesuffix('_URL')}_PASSWORD_FILE"


def with_password(url: str, password: str) -> str:
    """The address with this password in place of its own; with none when it is empty."""
    parts = urlsplit(url)
    login, _, where = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    secret = f":{quote(password, safe='')}" if password else ""
    netloc = f"{user}{secret}@{where}" if user or secret else where
    return url.replace(f"://{parts.netloc}", f"://{netloc}", 1)  # geturl() would take the // of unix:///path


def as_variables(*, urls: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, str]:
    """What a process is told: addresses without the passwords that lie in files, and those files' names."""
    told = {}
    for name, url in urls.items():
        told[name] = with_password(url, "") if name in files else url
        if name in files:
            told[file_variable(name)] = str(files[name])
    return told


def refresh(addresses: dict[str, Any], files: Mapping[str, str]) -> None:
    """Put the passwords that the files hold now into these addresses, by key. A file that is gone changes nothing."""
    for key, file in files.items():
        with suppress(OSError):
            addresses[key] = with_password(addresses[key], read_secret(path=Path(file)).strip())
