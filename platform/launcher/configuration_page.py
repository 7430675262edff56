"""Writes ``docs/reference/configuration.md`` from the table in ``settings.py``; a test compares the two.

Run ``.venv/bin/python -m launcher.configuration_page`` (with ``platform`` on PYTHONPATH) after a change.
"""

from __future__ import annotations

from pathlib import Path

from launcher.variables import VARIABLES

PAGE = Path("docs/reference/configuration.md")
_HEAD = """# Configuration

Everything is set by environment variables, and everything has a default: `./aerodrome up` needs none of them.
The launcher fills in what is not given and hands each process only what it needs; the agent, which runs
tenants' code, gets no database, no Redis and no key.

A variable whose name ends in `_FILE` names a file. The control plane also reads the value itself from the
variable without `_FILE`, where an environment can be kept secret.

<!-- Made from platform/launcher/variables.py by `python -m launcher.configuration_page`. Change it there. -->

| variable | default | meaning | read by |
|---|---|---|---|
"""
_TAIL = """
## A Postgres and Redis of your own

Postgres 15.14, 16.10, 17.6, 18 or newer. Make the roles and the database once, and keep what it prints:

```sh
./aerodrome prepare-database --admin-url 'postgresql://postgres:…@db.example:5432/postgres?sslmode=verify-full'
```

Then start with the four `AERODROME_DATABASE_*URL` variables and `AERODROME_REDIS_URL` set. Redis must not
evict (`maxmemory-policy noeviction`) and should keep an append-only file.

## The data folder

| part | what it holds | who can enter (as root) |
|---|---|---|
| `postgres/` | the embedded cluster and its socket | its account, `aerodrome-pg` |
| `valkey/` | the embedded Valkey's files and socket | its account, `aerodrome-valkey` |
| `secrets/` | passwords, keys and tokens, each made once, mode 0600 | root |
| `store/`, `git/` | artefacts, task logs, the tenants' repositories | root |
| `run/`, `logs/` | the status file, the gateway's socket, the processes' logs | root |
| `agent/` | runtimes, unpacked bundles, homes of tasks | all may pass through; each task has its own part |
| `software/` | copies of the servers' programs, where the checkout is closed to their accounts | all may read |

Back up `secrets/` apart from the rest: without `encryption-key`, stored connections and variables cannot be
read again.
"""


def render() -> str:
    """The page as it must be."""
    rows = (f"| `{row.name}` | {row.default} | {row.meaning} | {row.readers} |\n" for row in VARIABLES)
    return _HEAD + "".join(rows) + _TAIL


if __name__ == "__main__":
    (Path(__file__).resolve().parents[2] / PAGE).write_text(render(), encoding="utf-8")
