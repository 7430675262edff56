"""What differs between two bundles, by the digests of their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Changes:
    """Sorted bundle paths."""

    added: list[str]
    changed: list[str]
    removed: list[str]

    def as_dict(self) -> dict[str, list[str]]:
        """For the summary that people read."""
        return {"added": self.added, "changed": self.changed, "removed": self.removed}


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Changes:
    """What `new` (path -> digest) does to `old`."""
    return Changes(
        added=sorted(new.keys() - old.keys()),
        changed=sorted(path for path in new.keys() & old.keys() if new[path] != old[path]),
        removed=sorted(old.keys() - new.keys()),
    )
