"""A tenant of a running stack, used only through public doors: HTTP and a stock git."""

from __future__ import annotations

import json
import tempfile
import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from launcher.demo.http import Door
from launcher.demo.tenant import DemoTenant, sign_up
from tests.support.git_client import Clone, Done

if TYPE_CHECKING:
    from tests.support.stack import Stack

OVER = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Run:
    """One run of one DAG."""

    dag_id: str
    run_id: str


@dataclass
class StackTenant:
    """`door` is signed in to the tenant's Airflow API, `login.portal` to the portal's."""

    stack: Stack
    login: DemoTenant
    door: Door
    _clone: Clone | None = None
    _folder: Path | None = field(default=None)

    @classmethod
    def signed_up(cls, *, stack: Stack) -> StackTenant:
        door = stack.door()
        return cls(stack=stack, login=sign_up(door=door), door=door)

    @property
    def slug(self) -> str:
        return self.login.slug

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the tenant's API, below `/api/v2`."""
        return self.door.call(method, f"{self.login.api_path}{path}", body)

    def push(self, files: dict[str, str]) -> Done:
        """Commit these texts (dedented) and push."""
        if self._clone is None:
            self._folder = Path(tempfile.mkdtemp(prefix="aerodrome-clone-", dir=self.stack.data.parent))
            self._clone = Clone(
                folder=self._folder / "work", url=with_token(self.login.git_remote, self.login.git_token)
            )
        self._clone.commit({path: textwrap.dedent(text).encode() for path, text in files.items()})
        return self._clone.push()

    def deploy(self, files: dict[str, str], *dag_ids: str) -> Done:
        """Push, and wait until these DAGs can be triggered."""
        done = self.push(files)
        assert done.status == 0, done.said
        self.until_listed(*dag_ids)
        return done

    def dags(self) -> dict[str, dict[str, Any]]:
        return {dag["dag_id"]: dag for dag in self.call("GET", "/dags?limit=100")["dags"]}

    def until_listed(self, *dag_ids: str, seconds: float = 90.0) -> None:
        wanted = set(dag_ids)
        self.stack.until(
            lambda: wanted <= set(self.dags()), f"{sorted(wanted)} to be listed", seconds=seconds
        )

    def import_errors(self) -> list[dict[str, Any]]:
        return list(self.call("GET", "/importErrors")["import_errors"])

    def trigger(self, dag_id: str, *, conf: dict[str, Any] | None = None) -> Run:
        body: dict[str, Any] = {"logical_date": datetime.now(tz=UTC).isoformat(), "conf": conf or {}}
        made = self.call("POST", f"/dags/{quote(dag_id)}/dagRuns", body)
        return Run(dag_id, made["dag_run_id"])

    def run(self, run: Run) -> dict[str, Any]:
        return dict(self.call("GET", _path(run)))

    def until_over(self, *runs: Run, seconds: float = 90.0) -> list[str]:
        """The runs' states, once each is over."""

        def states() -> list[str] | None:
            found = [self.run(run)["state"] for run in runs]
            return found if OVER.issuperset(found) else None

        try:
            return self.stack.until(states, f"{len(runs)} runs to be over", seconds=seconds)
        except AssertionError as error:
            left = [f"{run}: {self.states(run)}" for run in runs]
            raise AssertionError("\n".join([*left, str(error)])) from None

    def instances(self, run: Run) -> list[dict[str, Any]]:
        page = self.call("GET", f"{_path(run)}/taskInstances?limit=100&order_by=map_index")
        return list(page["task_instances"])

    def states(self, run: Run) -> dict[str, Any]:
        """task id -> state; of a mapped task the states in order."""
        out: dict[str, Any] = {}
        for row in self.instances(run):
            if row["map_index"] >= 0:
                out.setdefault(row["task_id"], []).append(row["state"])
            else:
                out[row["task_id"]] = row["state"]
        return out

    def until_state(self, run: Run, task_id: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        """The instance, once it is in one of the states."""

        def found() -> dict[str, Any] | None:
            row = self.call("GET", f"{_path(run)}/taskInstances/{task_id}")
            return row if row["state"] in states else None

        return self.stack.until(found, f"{run.dag_id}.{task_id} to be {states}", seconds=seconds)

    def log(self, run: Run, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """One try's log: its events, and what stands beside them (exceptions) as JSON."""
        path = (
            f"{_path(run)}/taskInstances/{task_id}/logs/{try_number}?map_index={map_index}&full_content=true"
        )
        content = self.call("GET", path)["content"]
        return "\n".join(_line(line) for line in content)

    def until_logged(
        self, said: str, run: Run, task_id: str, *, try_number: int = 1, map_index: int = -1
    ) -> str:
        """The log, once it holds `said`: a log's last lines are stored a moment after the state."""

        def text() -> str:
            log = self.log(run, task_id, try_number=try_number, map_index=map_index)
            return log if said in log else ""

        return self.stack.until(text, f"{said!r} in the log of {task_id}, try {try_number}", seconds=10)

    def xcom(self, run: Run, task_id: str, key: str = "return_value", *, map_index: int = -1) -> Any:
        path = (
            f"{_path(run)}/taskInstances/{task_id}/xcomEntries/{key}?map_index={map_index}&deserialize=true"
        )
        return self.call("GET", path)["value"]

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """What the ledger says, as the application's role in this tenant's scope."""
        with self.stack.database("auth") as cursor:
            cursor.execute("SELECT id FROM tenant WHERE slug = %s", [self.slug])
            (tenant_id,) = cursor.fetchone()
        with self.stack.database() as cursor:
            cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
            cursor.execute(query, values or None)
            return list(cursor.fetchall())


def _line(line: Any) -> str:
    if not isinstance(line, dict):
        return str(line)
    beside = {
        key: value for key, value in line.items() if key not in ("event", "timestamp", "level", "logger")
    }
    return f"{line.get('event', '')} {json.dumps(beside)}" if beside else str(line.get("event", ""))


def _path(run: Run) -> str:
    return f"/dags/{quote(run.dag_id)}/dagRuns/{quote(run.run_id)}"


def with_token(remote: str, token: str) -> str:
    """The remote with a token in its address."""
    parts = urlsplit(remote)
    return urlunsplit(parts._replace(netloc=f"git:{token}@{parts.netloc.rpartition('@')[2]}"))
