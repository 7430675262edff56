"""How large a bundle may be, and the counter that stops reading as soon as it is not.

Everything is counted while it is read, never believed from a header: a bomb costs no more than the limit.
No Django at import: the receive hook runs this file by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.bundles.refusal import BundleRefused, size_text


@dataclass(frozen=True, slots=True)
class Limits:
    """`total_bytes` and `files` of a whole bundle, `file_bytes` of one file, `ratio` of inflated to packed."""

    total_bytes: int = 200 * 10**6
    files: int = 20_000
    file_bytes: int = 100 * 10**6 + 2**20
    ratio: int = 200
    ratio_from_bytes: int = 32 * 10**6
    """Below this inflated size any ratio is harmless."""


def configured_limits() -> Limits:
    """The limits of this installation: settings `BUNDLE_MAX_BYTES`, `_FILES`, `_FILE_BYTES`, `_RATIO`."""
    from django.conf import settings

    return Limits(
        total_bytes=settings.BUNDLE_MAX_BYTES,
        files=settings.BUNDLE_MAX_FILES,
        file_bytes=settings.BUNDLE_MAX_FILE_BYTES,
        ratio=settings.BUNDLE_MAX_RATIO,
    )


class Meter:
    """Counts one bundle. Each method raises `BundleRefused` naming the member and the limit it passes."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files = 0
        self.total = 0
        self._file = 0

    def begin(self, member: str) -> None:
        """One more file."""
        self.files += 1
        self._file = 0
        if self.files > self.limits.files:
            raise BundleRefused(
                f"the bundle has more than {self.limits.files:,} files; leave out what the DAGs do not read",
                member=member,
            )

    def add(self, count: int, member: str) -> None:
        """`count` more bytes of the current file."""
        self._file += count
        self.total += count
        if self._file > self.limits.file_bytes:
            raise BundleRefused(
                f"the file is larger than {size_text(self.limits.file_bytes)}; keep data in object storage",
                member=member,
            )
        if self.total > self.limits.total_bytes:
            raise BundleRefused(
                f"the bundle is larger than {size_text(self.limits.total_bytes)} here; "
                "leave out what the DAGs do not read, and keep data in object storage",
                member=member,
            )

    def check_ratio(self, *, packed: int, member: str) -> None:
        """Refuse what inflates like a bomb: the bytes counted so far came out of `packed` bytes."""
        if self.total > self.limits.ratio_from_bytes and self.total > packed * self.limits.ratio:
            raise BundleRefused(
                f"the archive inflates to more than {self.limits.ratio} times its size; "
                "this looks like a decompression bomb",
                member=member,
            )
