"""The one refusal of this station: a tree or an archive that cannot become a bundle."""

from __future__ import annotations


class BundleRefused(ValueError):
    """The bundle is not accepted. `member` is the path it fails at, empty when it is the whole."""

    def __init__(self, reason: str, *, member: str = "") -> None:
        super().__init__(f"{shown(member)}: {reason}" if member else reason)
        self.member = member
        self.reason = reason


def shown(name: str, *, most: int = 200) -> str:
    """A name from outside as one printable line: control characters escaped, long ones cut in the middle."""
    text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def size_text(count: int) -> str:
    """Bytes for people: `200 MB`, `1.5 kB`."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} bytes"
