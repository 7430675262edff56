"""What a tenant's requirements.txt may say: names, versions, extras, markers. Pure."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_WITHOUT_WHEEL = re.compile(r"Wheels are required for `([A-Za-z0-9._-]+)`")
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?P<marker>;[^\\]*)?")


class RequirementRefused(Exception):
    """A line asks for more than a package of the index; the message says which line and what to write."""


def check_requirements(text: str) -> list[str]:
    """The requirement lines, without comments. Raises RequirementRefused.

    Options are refused because they reach files and hosts of the agent's machine, direct references and
    source trees because they run their author's code while they are built.
    """
    wanted = []
    for number, raw in enumerate(text.replace("\\\n", " ").splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        line = re.sub(r"\s+--hash=\S+", "", line)
        if not line:
            continue
        if line.startswith("-"):
            raise RequirementRefused(
                f"requirements.txt line {number}: option {line.split()[0]!r} is not allowed; list packages only."
            )
        name = _NAME.match(line)
        rest = line[name.end() :].lstrip() if name else line
        if name is None or "://" in line or "@" in rest.partition(";")[0] or rest.startswith(("/", "\\")):
            raise RequirementRefused(
                f"requirements.txt line {number}: {line!r} is not a package of the index; "
                "write a name with versions, e.g. pandas>=2.2."
            )
        wanted.append(line)
    return wanted


def constraints_of(lock: str) -> str:
    """The pins of a hashed lock as constraints: name==version with its marker, one a line."""
    pins = []
    for line in lock.splitlines():
        found = _PIN.match(line)
        if found:
            marker = (found["marker"] or "").strip()
            pins.append(f"{found['name']}=={found['version']}" + (f" {marker}" if marker else ""))
    return "\n".join(pins) + "\n"


def sources_for(*, failure: str, lock: str) -> str:
    """The entries of a hashed lock for what the resolver says it has no wheels of; empty when there are none."""
    wanted = set(_WITHOUT_WHEEL.findall(failure))
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.partition("==")[0].strip() in wanted)
