"""Walks a zip, member by member, inflating in pieces.

Only stored and deflated members: the other methods can inflate without bound in one step.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from controlplane.bundles.refusal import BundleRefused, size_text

_PIECE = 1 << 16
_MOST_DIRECTORY = 8 * 1024 * 1024
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, NotImplementedError, RuntimeError, ValueError,
    OverflowError,
)  # fmt: skip


def zip_members(stream: IO[bytes]) -> Iterator[tuple[str, Iterator[bytes] | None]]:
    """Name and content of each file, None for a folder's content. Raises `BundleRefused`."""
    _check_directory(stream)
    try:
        archive = zipfile.ZipFile(stream)
    except _DAMAGE as error:
        raise BundleRefused(f"the zip is damaged: {error}") from error
    with archive:
        for info in archive.infolist():
            # `filename` ends at the first NUL; what is checked must be what was sent.
            name = info.orig_filename
            mode = info.external_attr >> 16
            if info.flag_bits & 0x1:
                raise BundleRefused("is encrypted; send the archive without a password", member=name)
            if stat.S_ISLNK(mode):
                raise BundleRefused(
                    "is a symbolic link; bundles hold plain files only: replace it by a copy", member=name
                )
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BundleRefused("is neither a file nor a folder", member=name)
            if name.endswith("/"):
                yield name, None
                continue
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BundleRefused("is compressed by a method other than deflate", member=name)
            yield name, _content(archive, info)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(info) as content:
            while piece := content.read(_PIECE):
                yield piece
    except _DAMAGE as error:
        if isinstance(error, BundleRefused):
            raise
        raise BundleRefused(f"is damaged: {error}", member=info.orig_filename) from error


def _check_directory(stream: IO[bytes]) -> None:
    """The library builds its whole table of contents at once: look at its size first, where it looks."""
    try:
        record = zipfile._EndRecData(stream)  # type: ignore[attr-defined]
    except _DAMAGE as error:
        raise BundleRefused(f"the zip is damaged: {error}") from error
    if record is None:
        raise BundleRefused("the zip is damaged: it has no table of contents")
    if record[5] > _MOST_DIRECTORY:
        raise BundleRefused(f"the zip's table of contents is larger than {size_text(_MOST_DIRECTORY)}")
    stream.seek(0)
