"""The one error of the jail, and the frame that names the step it happened in."""

from __future__ import annotations

import errno
import os
from types import TracebackType


class JailRefused(Exception):
    """A step of the jail could not be taken, so nothing of the tenant's was run.

    ``step`` says which in words; ``errno`` is the kernel's answer.
    """

    def __init__(self, step: str, number: int) -> None:
        self.step = step
        self.errno = number
        super().__init__(
            f"jail refused at step '{step}': {os.strerror(number)} ({errno.errorcode.get(number, number)})"
        )


class step:
    """Turn an OSError inside into JailRefused: ``with step("mount home"): ...`` (hence the small letter)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise JailRefused(self.name, error.errno or 0) from error
