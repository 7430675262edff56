"""Which files may hold DAGs: the same answer as the runtime's own search, `.airflowignore` included."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.bundles.candidates import find_candidates
from controlplane.bundles.ignore import is_ignored, read_rules

DAG = b"from airflow import DAG"
FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "candidates.json"


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.py", DAG)
    return out.getvalue()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a.py": DAG, "b.py": b"import os", "c.txt": DAG, "d.py": b"import airflow"}, ["a.py"]),
        ({"a.py": b"From AirFlow import ASSET"}, ["a.py"]),
        ({"a.zip": a_zip(), "b.zip": b"dag airflow"}, ["a.zip"]),
        (
            {".hidden.py": DAG, ".ci/x.py": DAG, "__pycache__/x.py": DAG, "deep/er/x.py": DAG},
            ["deep/er/x.py"],
        ),
        ({"a.py": DAG, "dags/b.py": DAG, "plugins/c.py": DAG}, ["dags/b.py"]),
    ],
)
def test_candidates(files: dict[str, bytes], found: list[str]) -> None:
    assert find_candidates(files=files) == found


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ({".airflowignore": b"b.py"}, ["a.py", "t/c.py", "t/u/d.py"]),
        ({".airflowignore": b"# comment\nt/"}, ["a.py", "b.py"]),
        ({".airflowignore": b"t"}, ["a.py", "b.py"]),
        ({".airflowignore": b"/c.py"}, ["a.py", "b.py", "t/c.py", "t/u/d.py"]),
        ({".airflowignore": b"t/c.py"}, ["a.py", "b.py", "t/u/d.py"]),
        ({".airflowignore": b"**/d.py"}, ["a.py", "b.py", "t/c.py"]),
        ({".airflowignore": b"t/**"}, ["a.py", "b.py"]),
        ({".airflowignore": b"*.py\n!a.py"}, ["a.py"]),
        ({".airflowignore": b"[ab].py"}, ["t/c.py", "t/u/d.py"]),
        ({"t/.airflowignore": b"*.py"}, ["a.py", "b.py"]),
        ({"t/.airflowignore": b"/u"}, ["a.py", "b.py", "t/c.py"]),
        ({".airflowignore": b"a.py/"}, ["a.py", "b.py", "t/c.py", "t/u/d.py"]),
    ],
)
def test_airflowignore(ignore: dict[str, bytes], left: list[str]) -> None:
    files = {"a.py": DAG, "b.py": DAG, "t/c.py": DAG, "t/u/d.py": DAG}
    assert find_candidates(files={**files, **ignore}) == left
    inside = {f"dags/{path}": content for path, content in {**files, **ignore}.items()}
    assert find_candidates(files=inside) == [f"dags/{path}" for path in left]


@given(st.text(alphabet="ab*?[]!/.#\\", max_size=40), st.text(alphabet="ab/.", min_size=1, max_size=40))
def test_no_pattern_breaks_the_search(pattern: str, path: str) -> None:
    is_ignored(path=path, is_folder=False, rules=read_rules(folder="", text=pattern))


def test_a_pattern_made_to_backtrack_is_answered() -> None:
    rules = read_rules(folder="", text="**/" * 200 + "x\n" + "*a" * 400 + "b")
    assert not is_ignored(path="/".join(["a" * 50] * 300), is_folder=False, rules=rules)


def test_airflows_own_answers() -> None:
    """`oracle_candidates.py` asked Airflow."""
    cases = json.loads(FIXTURE.read_text(encoding="utf-8"))
    assert len(cases) >= 300
    for case in cases:
        ignore = {path: text.encode() for path, text in case["ignore"].items()}
        top = "dags/" if next(iter(ignore)).startswith("dags/") else ""
        names = ("a.py", "b.py", "t/c.py", "t/u/d.py", "t/u/a.py", "u/t/c.py")
        files = {f"{top}{name}": DAG for name in names}
        assert find_candidates(files={**files, **ignore}) == case["found"], case
