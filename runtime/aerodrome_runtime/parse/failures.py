"""Why a file gave no DAGs: an exception as an `ImportFailure` with the line in the author's own file."""

from __future__ import annotations

import traceback

from aerodrome_runtime.parse.wayout import way_out
from taskwire.parsing import ImportFailure

_KINDS = {
    "AirflowTaskTimeout": "timeout",
    "AirflowDagCycleException": "cycle",
    "CycleFound": "cycle",
    "DuplicateTaskIdFound": "duplicate",
    "AirflowDagDuplicatedIdException": "duplicate",
    "DagIdDuplicated": "duplicate",
    "MemoryError": "memory",
}


def import_failure(
    *, error: BaseException, path: str, bundle_root: str, kind: str | None = None, line: int = 0
) -> ImportFailure:
    """`error`, raised while the bundle file `path` was loaded. `kind` overrides what its type says, and `line`
    tells what a traceback without the author's own frames cannot."""
    hint = way_out(error=error)
    message = _one_line(error, bundle_root)
    stacktrace = _stacktrace(error, bundle_root)
    if hint:
        message = f"{message}. {hint}"
        stacktrace = f"{stacktrace.rstrip()}\n{hint}\n"
    return ImportFailure(
        path=path,
        message=message,
        stacktrace=stacktrace,
        line=author_line(error=error, filename=f"{bundle_root}/{path}") or line,
        kind=kind or _kind(error),
    )


def author_line(*, error: BaseException, filename: str) -> int:
    """The line of `filename` that led to `error`; 0 when the file (or what is zipped in it) has no part in it."""
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno or 0
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == filename or frame.filename.startswith(f"{filename}/")
    ]
    if frames:
        return frames[-1].lineno or 0
    inner = error.__cause__ or error.__context__
    return author_line(error=inner, filename=filename) if inner is not None else 0


def _kind(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return "syntax"
    for ancestor in type(error).__mro__:
        if ancestor.__name__ in _KINDS:
            return _KINDS[ancestor.__name__]
    is_invalid = {"AirflowTimetableInvalid", "ParamValidationError", "FailFastDagInvalidTriggerRule"}
    return "invalid" if type(error).__name__ in is_invalid else "exception"


def _one_line(error: BaseException, bundle_root: str) -> str:
    lines = traceback.format_exception_only(type(error), error)
    return " ".join(lines[-1].split()).replace(f"{bundle_root}/", "")


def _stacktrace(error: BaseException, bundle_root: str) -> str:
    """Python's own format, as Airflow shows it, from the author's first frame on and without the importer."""
    told = traceback.TracebackException.from_exception(error)
    _trim(told, bundle_root)
    return "".join(told.format()).replace(f"{bundle_root}/", "")


def _is_between(filename: str) -> bool:
    is_import = filename.startswith("<frozen importlib") or filename.endswith("/importlib/__init__.py")
    return is_import or "/aerodrome_runtime/shim/" in filename


def _trim(told: traceback.TracebackException, bundle_root: str) -> None:
    frames = [frame for frame in told.stack if not _is_between(frame.filename)]
    own = [index for index, frame in enumerate(frames) if frame.filename.startswith(f"{bundle_root}/")]
    if own:
        frames = frames[own[0] :]
    elif told.exc_type is not None and issubclass(told.exc_type, SyntaxError):
        frames = []
    told.stack = traceback.StackSummary.from_list(frames)
    for inner in (told.__cause__, told.__context__):
        if inner is not None:
            _trim(inner, bundle_root)
