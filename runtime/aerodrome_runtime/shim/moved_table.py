"""How the long lists of moved names are written: one line for some names of one old module.

`old module | Name Other Old=New | new module`, both modules without their leading `airflow.`; `@` stands for
`airflow.providers.`. A line `old module | names | ! reason` names what cannot work here and why.
"""

from __future__ import annotations

REFUSED = "!"


def read_table(text: str) -> dict[str, dict[str, str]]:
    """Old module -> {name: "module:name"}, or {name: "!reason"}."""
    moved: dict[str, dict[str, str]] = {}
    for line in text.strip().splitlines():
        old, names, target = (part.strip() for part in line.split("|"))
        told = moved.setdefault(f"airflow.{old}", {})
        for name in names.split():
            name, _, new = name.partition("=")
            told[name] = target if target.startswith(REFUSED) else f"{_module(target)}:{new or name}"
    return moved


def _module(target: str) -> str:
    if target.startswith("@"):
        return f"airflow.providers.{target[1:]}"
    return target[1:] if target.startswith("=") else f"airflow.{target}"
