"""Python warnings raised while a file is imported, as findings with the author's own file and line."""

from __future__ import annotations

import re
import sys
import warnings
from types import TracebackType
from typing import Any

from aerodrome_runtime.shim.uses import SHIMMED_WARNINGS
from taskwire.parsing import Finding

_USE_INSTEAD = re.compile(r"[Uu]se `?'?([\w.]+)'?`?")


class Warned:
    """Collects while it is entered. Hooks where C code hands a warning that passed the filters to Python, so
    that a file's own `warnings.filterwarnings` keeps its meaning and the stack is still there to look at."""

    def __init__(self, *, bundle_root: str) -> None:
        self._prefix = bundle_root + "/"
        self.findings: list[Finding] = []

    def __enter__(self) -> Warned:
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("default")
        self._show = warnings._showwarnmsg  # type: ignore[attr-defined]
        warnings._showwarnmsg = self._hear  # type: ignore[attr-defined]
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        warnings._showwarnmsg = self._show  # type: ignore[attr-defined]
        self._caught.__exit__(None, None, None)

    def _hear(self, warning: Any) -> None:
        is_own = warning.filename.startswith(self._prefix)
        if not is_own and not warning.category.__module__.startswith("airflow"):
            return
        text = str(warning.message)
        if text.startswith(SHIMMED_WARNINGS):
            return
        path, line = (warning.filename, warning.lineno) if is_own else self._author_line()
        if path is None:
            return
        name = warning.category.__name__
        finding = Finding(
            code=f"AERO-WARN-{name}",
            message=text,
            path=path[len(self._prefix) :],
            line=line,
            hint=_hint(text, name),
            severity="info" if name == "ResourceWarning" else "warning",
        )
        if finding not in self.findings:
            self.findings.append(finding)

    def _author_line(self) -> tuple[str | None, int]:
        frame = sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._prefix):
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back  # type: ignore[assignment]
        return None, 0


def _hint(text: str, category: str) -> str:
    found = _USE_INSTEAD.search(text)
    if category != "DeprecatedImportWarning" or found is None:
        return ""
    module, _, name = found[1].rstrip(".").rpartition(".")
    return f"from {module} import {name}" if module else ""
