"""Walks a tar, member by member, in one pass. Only what a bundle can hold is understood.

Not the library's reader: in the Python versions we run on it can be made to loop and to backtrack without end
(CVE-2024-6232, CVE-2025-8194), and it believes more than a bundle needs. Format: POSIX.1-1988 ustar, the pax
headers of POSIX.1-2001, GNU long names.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

from controlplane.bundles.refusal import BundleRefused

_BLOCK = 512
_PIECE = 1 << 16
_MOST_HEADER = 1 << 16
_MOST_HEADERS = 8
_REFUSED = {
    b"1": "is a hard link; bundles hold plain files only: replace it by a copy",
    b"2": "is a symbolic link; bundles hold plain files only: replace it by a copy",
    b"3": "is a device",
    b"4": "is a device",
    b"6": "is a pipe",
    b"S": "is a sparse file; write it as a plain one",
}


def tar_members(stream: IO[bytes]) -> Iterator[tuple[str, Iterator[bytes] | None]]:
    """Name and content of each file, None for a folder's content. Raises `BundleRefused`.

    A content that is not read to its end is skipped.
    """
    while True:
        told, headers = {}, 0
        while True:
            header = _exactly(stream, _BLOCK)
            if not header.strip(b"\0"):
                return
            name, kind, size = _read_header(header)
            if kind not in b"xgLK" or kind == b"\0":
                break
            headers += 1
            if size > _MOST_HEADER or headers > _MOST_HEADERS:
                raise BundleRefused("the tar has an extended header that is too large", member=name)
            told.update(_read_extension(kind, _padded(stream, size)))
        name = told.get("path", name)
        if any(key.startswith("GNU.sparse") for key in told):
            raise BundleRefused(_REFUSED[b"S"], member=name)
        if kind in _REFUSED:
            raise BundleRefused(_REFUSED[kind], member=name)
        if "size" in told:
            size = _number(told["size"], name)
        if kind == b"5" or (kind in b"0\0" and name.endswith("/")):
            for _ in _content(stream, size):
                pass
            yield name, None
            continue
        if kind not in (b"0", b"\0", b"7"):
            raise BundleRefused(f"is of a kind ({kind!r}) that is neither file nor folder", member=name)
        pieces = _content(stream, size)
        yield name, pieces
        for _ in pieces:
            pass


def _read_header(block: bytes) -> tuple[str, bytes, int]:
    name = _text(block[:100])
    written = _octal(block[148:156], name)
    if sum(block[:148]) + sum(block[156:]) + 8 * 0x20 != written:
        raise BundleRefused("the tar is damaged: a header does not match its checksum", member=name)
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    field = block[124:136]
    if field[0] & 0x80:
        size = int.from_bytes(field, "big") & ((1 << 95) - 1)
        if field[0] != 0x80:
            raise BundleRefused("the tar is damaged: a size is negative", member=name)
    else:
        size = _octal(field, name)
    return name, block[156:157], size


def _read_extension(kind: bytes, data: bytes) -> dict[str, str]:
    """What an extended header says of the next member; a global one (`g`) says nothing we use."""
    if kind == b"L":
        return {"path": _text(data)}
    if kind != b"x":
        return {}
    told: dict[str, str] = {}
    while data.strip(b"\0"):
        digits, _, _ = data[:16].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record, data = data[:length], data[length:]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if length <= len(digits) + 1 or record[-1:] != b"\n" or not equals:
            raise BundleRefused("the tar is damaged: an extended header cannot be read")
        try:
            told[key.decode()] = value.decode()
        except UnicodeDecodeError:
            raise BundleRefused("a name in the tar is not UTF-8 text", member=repr(value[:100])) from None
    return told


def _content(stream: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left > 0:
        piece = _read(stream, min(_PIECE, left))
        if not piece:
            raise BundleRefused("the archive ends in the middle of a file")
        left -= len(piece)
        yield piece
    _exactly(stream, -size % _BLOCK)


def _padded(stream: IO[bytes], size: int) -> bytes:
    return b"".join(_content(stream, size))


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = _read(stream, count - len(data))
        if not piece:
            raise BundleRefused("the archive ends too early")
        data += piece
    return data


def _read(stream: IO[bytes], count: int) -> bytes:
    try:
        return stream.read(count)
    except (EOFError, OSError, zlib.error) as error:
        raise BundleRefused(f"the archive is damaged: {error}") from error


def _octal(field: bytes, name: str) -> int:
    digits = field.split(b"\0", 1)[0].strip()
    return _number(digits.decode("ascii", "replace") or "0", name, 8)


def _number(text: str, name: str, radix: int = 10) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 30:
        raise BundleRefused(f"the tar is damaged: {text[:30]!r} is not a number", member=name)
    try:
        return int(text, radix)
    except ValueError:
        raise BundleRefused(f"the tar is damaged: {text[:30]!r} is not a number", member=name) from None


def _text(field: bytes) -> str:
    data = field.split(b"\0", 1)[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BundleRefused("a name in the tar is not UTF-8 text", member=repr(data[:100])) from None
