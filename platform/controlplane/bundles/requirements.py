"""What a bundle's `requirements.txt` asks for, in one form for one meaning. Nothing is installed here."""

from __future__ import annotations

import hashlib
import re

from controlplane.bundles.refusal import BundleRefused, shown

FILE_NAME = "requirements.txt"
MOST_BYTES = 256 * 1024
_OUTSIDE = re.compile(r"^(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)\b")
_LOCAL = re.compile(r"^(\.{0,2}/|file:|~)|@\s*file:", re.IGNORECASE)


def normalise_requirements(content: bytes) -> str:
    """One requirement a line, sorted, without comments and blank lines; lines continued by `\\` joined.

    Raises `BundleRefused` for text that is not UTF-8 or too long, and, with its line, for what reads other
    files: a runtime is built apart from the bundle.
    """
    if len(content) > MOST_BYTES:
        raise BundleRefused(f"the file is larger than {MOST_BYTES // 1024} kB", member=FILE_NAME)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BundleRefused("the file is not UTF-8 text", member=FILE_NAME) from None
    if "\0" in text:
        raise BundleRefused("the file holds a NUL character", member=FILE_NAME)
    lines = set()
    for number, line in _logical_lines(text):
        if _OUTSIDE.match(line) or _LOCAL.search(line):
            raise BundleRefused(
                f"line {number}: {shown(line)!r} reads another file; write its requirements here instead",
                member=FILE_NAME,
            )
        lines.add(line)
    return "\n".join(sorted(lines))


def runtime_digest(*, airflow: str, python: str, requirements: str) -> str:
    """The name of the runtime that these three make, the same for every tenant."""
    return hashlib.sha256(f"airflow {airflow}\npython {python}\n{requirements}".encode()).hexdigest()


def _logical_lines(text: str) -> list[tuple[int, str]]:
    out: list[tuple[int, str]] = []
    held, begun = "", 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        begun = begun if held else number
        held += line
        if held.endswith("\\"):
            held = held[:-1] + " "
            continue
        joined = " ".join(re.sub(r"(^|\s)#.*", "", held).split())
        held = ""
        if joined:
            out.append((begun, joined))
    return out
