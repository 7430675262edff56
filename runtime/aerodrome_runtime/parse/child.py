"""One file of a bundle in, one `FileParse` out. Runs in a child that is timed, capped and thrown away.

Before: nothing of the tenant's was imported in this process. After: the process has run tenant code and must
run no other tenant's. Writes nothing to stdout itself. Importing this module imports nothing of Airflow, so
that a zygote may do it first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import sys
import time
from pathlib import Path

from aerodrome_runtime.parse.asked import Answer, Asked
from taskwire.dagspec import DagSpec
from taskwire.parsing import FileParse, ImportFailure


class PathOutsideBundle(ValueError):
    """The file to parse is not inside the bundle."""


def parse_file(
    *, bundle_root: Path, path: str, timeout_seconds: float | None = None, answer: Answer | None = None
) -> FileParse:
    """Load `path` (POSIX, relative to `bundle_root`) and tell its DAGs, failures, findings and reads.

    `timeout_seconds` bounds the import by an alarm, so that an endless loop is told with its line; the caller
    keeps a harder bound of its own. `answer` serves what the file asks of the SDK's supervisor while it is
    imported (Variables, connections); without it nothing is found. Raises `PathOutsideBundle`; whatever the
    file itself does is a failure in the result, not an exception.
    """
    from aerodrome_runtime.parse.load import load_dags
    from aerodrome_runtime.parse.paths import add_bundle_paths, bundle_paths
    from aerodrome_runtime.parse.reads import Reads
    from aerodrome_runtime.parse.warned import Warned
    from aerodrome_runtime.shim import uses
    from aerodrome_runtime.shim.lint import context_uses
    from aerodrome_runtime.translate.weight import weight_findings

    started = time.perf_counter()
    root = bundle_root.absolute()
    filename = os.path.normpath(root / path)
    if not filename.startswith(f"{root}{os.sep}"):
        raise PathOutsideBundle(f"{path!r} is not a file of the bundle")
    sys.dont_write_bytecode = True
    if timeout_seconds is not None:
        os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = str(timeout_seconds)
    reads = Reads(bundle_root=str(root), search_paths=bundle_paths(bundle_root=root))
    warned = Warned(bundle_root=str(root))
    add_bundle_paths(bundle_root=root)
    uses.begin(bundle_root=str(root))
    asked = Asked(answer=answer)
    with asked, reads, warned:
        loaded = load_dags(bundle_root=root, path=path)
    reads.add(filename)
    dags, failures = _translate(loaded.dags, loaded.filelocs, str(root))
    failures = [*_failures(loaded.errors, path, str(root)), *failures]
    dependencies = reads.digests()
    findings = [*uses.end(), *warned.findings, *asked.findings]
    told = {each.dag_id: loaded.dags[each.dag_id] for each in dags}
    findings += weight_findings(dags=told, filelocs=loaded.filelocs)
    findings += context_uses(
        bundle_root=str(root), paths=[name for name, digest in dependencies.items() if digest]
    )
    findings.sort(key=lambda each: (each.path, each.line, each.code, each.message))
    return FileParse(
        path=path,
        sha256=_sha256(filename),
        dags=dags,
        failures=failures,
        findings=findings,
        dependencies=dependencies,
        listed_folders=sorted(reads.folders),
        seconds=time.perf_counter() - started,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _translate(
    dags: dict[str, object], filelocs: dict[str, str], root: str
) -> tuple[list[DagSpec], list[ImportFailure]]:
    from aerodrome_runtime.parse.failures import import_failure
    from aerodrome_runtime.translate.dag import dag_spec

    told: list[DagSpec] = []
    failures: list[ImportFailure] = []
    for dag_id, dag in sorted(dags.items()):
        fileloc = filelocs[dag_id]
        try:
            told.append(dag_spec(dag=dag, bundle_root=root, relative_fileloc=fileloc))
        except Exception as error:
            failures.append(import_failure(error=error, path=fileloc, bundle_root=root, kind="invalid"))
    return told, failures


def _failures(errors: list[tuple[BaseException, int]], path: str, root: str) -> list[ImportFailure]:
    from aerodrome_runtime.parse.failures import import_failure

    return [import_failure(error=error, path=path, bundle_root=root, line=line) for error, line in errors]


def _sha256(filename: str) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(Path(filename).read_bytes()).hexdigest()
    return ""
