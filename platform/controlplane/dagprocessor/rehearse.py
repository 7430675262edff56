"""What the server would make of a bundle, without a server: the same reading, the same checks, no database.

`python -m controlplane.dagprocessor.rehearse receive FOLDER` reads a tar from stdin as an upload is read, puts its
files into FOLDER and says what is to be parsed in which runtime. `… judge` reads the parse report from stdin and
says what is accepted and what is wrong where. Started by `./aerodrome validate`; JSON out, exit status 0 also for
a bundle that is refused.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from controlplane.bundles.archive import read_archive
from controlplane.bundles.candidates import find_candidates
from controlplane.bundles.limits import Limits
from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.requirements import FILE_NAME, normalise_requirements, runtime_digest
from controlplane.dagprocessor.merge import draw, read_report, unanswered
from controlplane.dagprocessor.summary import summarise, summarise_failure
from taskwire.parsing import ParseReport


def receive(*, archive: bytes, folder: Path, airflow: str, python: str) -> dict[str, Any]:
    """`{"refused": why}`, or the candidates and the runtime; `folder` then holds the bundle, readable by all."""
    try:
        files = read_archive(stream=io.BytesIO(archive), limits=Limits())
        if not files:
            raise BundleRefused(
                "the bundle holds no files; add at least one DAG file, for example dags/hello.py"
            )
        requirements = normalise_requirements(files.get(FILE_NAME, b""))
    except BundleRefused as error:
        return {"refused": str(error)}
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    return {
        "candidates": find_candidates(files=files),
        "files": sorted(files),
        "requirements": requirements,
        "airflow": airflow,
        "python": python,
        "runtime_digest": runtime_digest(airflow=airflow, python=python, requirements=requirements),
    }


def judge(*, report: ParseReport, candidates: list[str]) -> dict[str, Any]:
    """The summary that a pusher would be told, with the spec of every accepted DAG under `specs`."""
    if report.failure is not None:
        return {**summarise_failure(changed={}, reason=report.failure), "specs": {}}
    told = [read_report(file) for file in report.files if file.path in candidates]
    told += [unanswered(path) for path in candidates if path not in {each.path for each in told}]
    picture = draw(told)
    summary = summarise(changed={}, picture=picture, accepted=[], parsed_files=len(report.files))
    specs = {
        dag_id: msgspec.to_builtins(picture.files[path].specs[dag_id][1])
        for dag_id, path in sorted(picture.accepted.items())
    }
    return {**summary, "specs": specs}


def main(arguments: list[str]) -> None:
    """`receive FOLDER` or `judge CANDIDATES-AS-JSON`."""
    what, rest = arguments
    if what == "receive":
        told = receive(
            archive=sys.stdin.buffer.read(),
            folder=Path(rest),
            airflow=os.environ.get("AERODROME_RUNTIME_AIRFLOW", "3.3.2"),
            python=os.environ.get("AERODROME_RUNTIME_PYTHON", "3.11"),
        )
    else:
        report = msgspec.json.decode(sys.stdin.buffer.read(), type=ParseReport)
        told = judge(report=report, candidates=msgspec.json.decode(rest, type=list[str]))
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main(sys.argv[1:])
