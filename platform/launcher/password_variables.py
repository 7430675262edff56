"""What can be set from outside about passwords of databases and Redis that change while the stack runs."""

from __future__ import annotations

from launcher.variable import Variable

_DEFAULT = "the password in the address; embedded: a file in `<data>/secrets`"


def _for(name: str, readers: str) -> Variable:
    return Variable(
        name,
        _DEFAULT,
        f"File with the password for `{name.removesuffix('_PASSWORD_FILE')}_URL`, in place of one there. Read again when "
        "the password is refused: `./aerodrome rotate-credentials`.",
        readers,
    )


PASSWORD_VARIABLES = (
    _for("AERODROME_DATABASE_PASSWORD_FILE", "control plane"),
    _for("AERODROME_DATABASE_OWNER_PASSWORD_FILE", "migrations"),
    _for("AERODROME_DATABASE_SCHED_PASSWORD_FILE", "control plane"),
    _for("AERODROME_DATABASE_AUTH_PASSWORD_FILE", "control plane"),
    _for("AERODROME_REDIS_PASSWORD_FILE", "control plane"),
)
