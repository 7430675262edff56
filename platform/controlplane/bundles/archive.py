"""Reads an uploaded zip or tar into memory, never to disk, and refuses what could not be a bundle.

Names, links and sizes are checked member by member while it is read; a refusal names the member and the limit.
Called by the upload door.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import IO, cast

from controlplane.bundles.limits import Limits, Meter
from controlplane.bundles.names import NameBook, clean_name, is_ignored
from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.tar_members import tar_members
from controlplane.bundles.zip_members import zip_members

Member = tuple[str, Iterator[bytes] | None]
"""A name as the archive has it, and its content in pieces; None for a folder."""


def read_archive(*, stream: IO[bytes], limits: Limits) -> dict[str, bytes]:
    """Path -> content of every plain file in `stream` (seekable), which is a zip, a tar or a gzipped tar.

    A single folder around everything, as archives of a whole repository have it, is taken off. Raises
    `BundleRefused`.
    """
    packed = stream.seek(0, 2)
    stream.seek(0)
    meter, book = Meter(limits), NameBook()
    files: dict[str, bytes] = {}
    for number, (name, pieces) in enumerate(_members(stream), start=1):
        if number > 2 * limits.files:
            raise BundleRefused(f"the archive has more than {2 * limits.files:,} entries", member=name)
        path = clean_name(name.rstrip("/") if pieces is None else name) if name not in {"./", "."} else ""
        if pieces is None or not path:
            continue
        if is_ignored(path):
            continue
        meter.begin(path)
        book.add(path)
        held = []
        for piece in pieces:
            meter.add(len(piece), path)
            meter.check_ratio(packed=packed, member=path)
            held.append(piece)
        files[path] = b"".join(held)
    return _unwrapped(files)


def _members(stream: IO[bytes]) -> Iterator[Member]:
    start = stream.read(512)
    stream.seek(0)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return zip_members(stream)
    if start[:2] == b"\x1f\x8b":
        return tar_members(cast("IO[bytes]", gzip.GzipFile(fileobj=stream, mode="rb")))
    if start[257:262] == b"ustar" or (len(start) == 512 and not start.strip(b"\0")):
        return tar_members(stream)
    raise BundleRefused("this is not an archive that can be read; send a .zip, .tar or .tar.gz")


def _unwrapped(files: dict[str, bytes]) -> dict[str, bytes]:
    tops = {path.partition("/")[0] for path in files}
    if len(tops) != 1:
        return files
    top = f"{tops.pop()}/"
    inside = {path.removeprefix(top): content for path, content in files.items() if path.startswith(top)}
    looks_whole = any(path.startswith("dags/") or path == "requirements.txt" for path in inside)
    return inside if looks_whole and len(inside) == len(files) else files
