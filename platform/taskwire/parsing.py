"""What the runtime says of a parsed bundle, file by file."""

from __future__ import annotations

from taskwire.dagspec import DagSpec, Struct


class Finding(Struct, kw_only=True):
    """Something worth telling the author: a deprecation, a compatibility shim used, a warning.

    `code` is stable (`AERO-SHIM-schedule-interval`, `AERO-WARN-…`); `line` counts from 1, 0 when unknown.
    """

    code: str
    message: str
    path: str
    line: int = 0
    hint: str = ""
    severity: str = "warning"
    """`info`, `warning` or `error`."""


class ImportFailure(Struct, kw_only=True):
    """Why a file gave no DAGs: the traceback as Airflow shows it, and the line in the file itself."""

    path: str
    message: str
    """One line: `ModuleNotFoundError: No module named 'foo'`."""
    stacktrace: str
    line: int = 0
    kind: str = "exception"
    """`exception`, `syntax`, `timeout`, `memory`, `crash`, `output`, `cycle`, `duplicate`, `invalid`."""


class FileParse(Struct, kw_only=True):
    """The outcome of one file. Reused for a later bundle when every dependency has the same digest."""

    path: str
    sha256: str
    dags: list[DagSpec] = []
    failures: list[ImportFailure] = []
    findings: list[Finding] = []
    dependencies: dict[str, str] = {}
    """Bundle path -> SHA-256 of every bundle file that was read while this one was parsed, itself included."""
    listed_folders: list[str] = []
    """Bundle folders whose listing was read: a new name in one of them is a reason to parse again."""
    seconds: float = 0.0
    peak_bytes: int = 0


class ParseOrder(Struct, kw_only=True):
    """Parse these files of a bundle. `paths` empty: every file that may hold DAGs."""

    bundle_digest: str
    runtime_digest: str
    paths: list[str] = []
    file_timeout_seconds: float = 30.0
    memory_bytes: int = 512 * 1024 * 1024
    output_bytes: int = 4 * 1024 * 1024


class ParseReport(Struct, kw_only=True):
    """All files of one order. `failure` is set when nothing could be parsed at all (runtime missing…)."""

    bundle_digest: str
    runtime_digest: str
    files: list[FileParse] = []
    failure: str | None = None
    runtime_missing: bool = False
    """The failure is that this agent has no such runtime yet: it may be being built."""
    seconds: float = 0.0
