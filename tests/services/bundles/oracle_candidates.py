"""Writes tests/fixtures/candidates.json: bundles with `.airflowignore` files, and Airflow's own answers.

Run once per Airflow version, in an environment that has it, with `platform:runtime` on PYTHONPATH. Not a test.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

NAMES = ["a.py", "b.py", "t/c.py", "t/u/d.py", "t/u/a.py", "u/t/c.py"]
PLACES = [".airflowignore", "t/.airflowignore", "u/.airflowignore", "t/u/.airflowignore"]
PATTERNS = """a.py|t/|t|/t|/c.py|t/c.py|**/d.py|t/**|*.py|!a.py|!t/|u|u/t|*|!*.py|[ab].py|t/u/|**/u|?.py|/a.py|t/*/d.py
|# x|| a.py |a.py # trailing|/|!/t/c.py|**|a/**/b|t/**/a.py|*/c.py""".replace("\n", "").split("|")


def cases(count: int) -> list[dict[str, str]]:
    """Path -> text; texts with a pattern list lie at the ignore files."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        files = dict.fromkeys(NAMES, "airflow dag")
        for place in chance.sample(PLACES, chance.randint(1, 2)):
            files[place] = "\n".join(chance.sample(PATTERNS, chance.randint(1, 3)))
        made.append({f"dags/{path}": text for path, text in files.items()} if number % 2 else files)
    return made


def answer(files: dict[str, str]) -> list[str]:
    """What Airflow's search finds."""
    from aerodrome_runtime.parse.candidates import find_dag_files

    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            place = Path(folder) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        return find_dag_files(Path(folder))


if __name__ == "__main__":
    told = [
        {"ignore": {p: t for p, t in files.items() if p.endswith(".airflowignore")}, "found": answer(files)}
        for files in cases(300)
    ]
    target = Path(__file__).resolve().parents[2] / "fixtures" / "candidates.json"
    target.write_text("[\n" + ",\n".join(json.dumps(each) for each in told) + "\n]\n", encoding="utf-8")
