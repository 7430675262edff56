"""Role `triggers`: one process of a tenant holds many triggers, in Airflow's own trigger runner.

Before: the child is jailed and holds four descriptors. After: the process has ended. The agent is its supervisor:
what Airflow's runner says and asks, and what it is told, are the frames of `triggerer_job_runner`.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from aerodrome_runtime.zygote import adopt, readiness, stdio
from aerodrome_runtime.zygote.orders import Fork, Place
from aerodrome_runtime.zygote.title import set_title


def run_triggers(order: Fork, fds: list[int]) -> NoReturn:
    """`fds`: requests, logs, stdout, stderr."""
    requests, logs, stdout, stderr = fds
    stdio.attach(requests=requests, logs=logs, stdout=stdout, stderr=stderr)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2, signal.SIGSEGV):
        signal.signal(number, signal.SIG_DFL)
    started = time.monotonic()
    adopt.environment(order.environment)
    adopt.runtime(order.place)
    adopt.block_orm()
    from aerodrome_runtime.parse.paths import add_bundle_paths

    add_bundle_paths(bundle_root=Path(order.place.bundle_path))
    set_title(order.title)
    runner = make_runner(order.place)
    readiness.tell(loaded=None, seconds=time.monotonic() - started)
    try:
        runner.run()
        os._exit(0)
    except BaseException:
        import traceback

        with suppress(Exception):
            os.write(2, traceback.format_exc().encode())
        os._exit(1)


def make_runner(place: Place) -> Any:
    """Airflow's runner, with three differences: it says which trigger asks, finds the task of one that begins
    here in the bundle's file, and can let go of a trigger without killing what it started."""
    import structlog
    from airflow.jobs import triggerer_job_runner as theirs

    class Comms(theirs.TriggerCommsDecoder):
        """Names the trigger whose code asks, so that the agent answers with that task's right."""

        async def asend(self, msg: Any) -> Any:
            import asyncio

            if asyncio.get_running_loop() is not self._loop:
                return await super().asend(msg)
            asker = structlog.contextvars.get_contextvars().get("trigger_id")
            frame = theirs._RequestFrame(
                id=next(self.id_counter), body={**msg.model_dump(), "aerodrome_trigger": asker}
            )
            future: Any = asyncio.get_running_loop().create_future()
            self._pending[frame.id] = future
            try:
                self._async_writer.write(frame.as_bytes())
                return self._from_frame(await future)
            except BaseException:
                self._pending.pop(frame.id, None)
                raise

    class Runner(theirs.TriggerRunner):
        async def cancel_triggers(self) -> None:
            """A negative number lets go: another agent has the trigger, or this one ends. No `on_kill` then."""
            kept = []
            while self.to_cancel:
                number = self.to_cancel.popleft()
                if number >= 0:
                    kept.append(number)
                elif -number in self.triggers:
                    self.triggers[-number]["task"].cancel()
            self.to_cancel.extend(kept)
            await super().cancel_triggers()

        @classmethod
        def create_runtime_ti(cls, task_instance: Any, encoded_dag: Any, dag_run_data: Any) -> Any:
            """`encoded_dag` names the file; the task in it is the author's own."""
            try:
                return cls._runtime_ti(task_instance, encoded_dag, dag_run_data)
            except Exception as error:
                # Airflow's runner takes this one for a trigger that cannot be made; any other would end it.
                raise TypeError(f"{type(error).__name__}: {error}") from error

        @staticmethod
        def _runtime_ti(task_instance: Any, encoded_dag: Any, dag_run_data: Any) -> Any:
            from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun
            from airflow.sdk.api.datamodels._generated import TIRunContext
            from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

            task = _load(place, encoded_dag["dag_rel_path"], task_instance.dag_id).get_task(
                task_instance.task_id
            )
            return RuntimeTaskInstance.model_construct(
                **task_instance.model_dump(exclude_unset=True),
                task=task,
                _ti_context_from_server=TIRunContext.model_construct(
                    dag_run=DagRun(**dag_run_data), max_tries=encoded_dag["max_tries"]
                ),
            )

    theirs.TriggerCommsDecoder = Comms
    return Runner()


_loaded: dict[str, Any] = {}


def _load(place: Place, path: str, dag_id: str) -> Any:
    """The DAG of a file, loaded once per process."""
    from aerodrome_runtime.zygote.dagfile import load

    if path not in _loaded:
        _loaded[path] = load(
            Place(
                bundle_path=place.bundle_path,
                bundle_name=place.bundle_name,
                bundle_version=place.bundle_version,
                dag_rel_path=path,
                runtime_path=place.runtime_path,
            )
        ).bag
    bag = _loaded[path]
    if dag_id not in bag.dags:
        raise TypeError(f"{path} defines no DAG {dag_id}: {bag.import_errors}")
    return bag.dags[dag_id]
