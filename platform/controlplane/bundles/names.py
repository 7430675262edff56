"""Which names a bundle's files may have: those that mean the same file on every machine, inside the bundle."""

from __future__ import annotations

import unicodedata

from controlplane.bundles.refusal import BundleRefused, shown

MOST_CHARACTERS = 1000
MOST_SEGMENT_BYTES = 255
_IGNORED_FOLDERS = frozenset({".git", "__MACOSX", "__pycache__"})
_IGNORED_FILES = frozenset({".DS_Store"})


def clean_name(name: str) -> str:
    """`name` as a bundle path, `./` in front removed. Raises `BundleRefused` for any that could lead out of
    the bundle, or that some system reads differently."""
    if "\0" in name:
        raise BundleRefused("the name holds a NUL character", member=name)
    if "\\" in name:
        raise BundleRefused("the name holds a backslash; separate folders by /", member=name)
    if name.startswith("/"):
        raise BundleRefused("the path is absolute; paths must stay inside the bundle", member=name)
    if len(name) > 1 and name[1] == ":" and name[0].isalpha():
        raise BundleRefused("the path names a drive; paths must stay inside the bundle", member=name)
    while name.startswith("./"):
        name = name[2:]
    parts = name.split("/")
    if ".." in parts:
        raise BundleRefused("the path leads out of the bundle (..)", member=name)
    if "" in parts or "." in parts:
        raise BundleRefused("the path has an empty part", member=name or "''")
    if any(not each.isprintable() for each in name):
        raise BundleRefused("the name holds a control or invisible character", member=name)
    if len(name) > MOST_CHARACTERS:
        raise BundleRefused(f"the path is longer than {MOST_CHARACTERS} characters", member=name)
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise BundleRefused("the name is not valid text", member=shown(name)) from None
    if longest > MOST_SEGMENT_BYTES:
        raise BundleRefused(f"a part of the path is longer than {MOST_SEGMENT_BYTES} bytes", member=name)
    return name


def is_ignored(path: str) -> bool:
    """Whether the file is a tool's litter (`.git/`, `__pycache__/`, `.DS_Store`), left out without a word."""
    parts = path.split("/")
    return not _IGNORED_FOLDERS.isdisjoint(parts[:-1]) or parts[-1] in _IGNORED_FILES


class NameBook:
    """The names of one bundle; refuses a second file that some file system would put in the same place."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def add(self, path: str) -> None:
        """Note a clean file path. Raises `BundleRefused` when it collides with an earlier one."""
        key = _folded(path)
        if (other := self._files.get(key)) is not None:
            raise BundleRefused(
                "the file occurs twice"
                if other == path
                else f"the name differs from {shown(other)!r} only in case or accents; rename one",
                member=path,
            )
        if (other := self._folders.get(key)) is not None:
            raise BundleRefused(f"the name is a file and a folder ({shown(other)!r} lies in it)", member=path)
        self._files[key] = path
        at = key.find("/")
        while at >= 0:
            folder = key[:at]
            if (other := self._files.get(folder)) is not None:
                raise BundleRefused(f"the file lies in {shown(other)!r}, which is a file", member=path)
            self._folders.setdefault(folder, path)
            at = key.find("/", at + 1)


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
