"""Load one DAG file ahead of the task, and find the task in it when the task comes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle

from aerodrome_runtime.zygote.orders import Place


class UnpackedBundle(BaseDagBundle):
    """A bundle version that the agent has verified and unpacked: a read-only folder, nothing to fetch."""

    supports_versioning = True

    def __init__(self, *, folder: str, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._folder = Path(folder)

    @property
    def path(self) -> Path:
        return self._folder

    def get_current_version(self) -> str | None:
        return self.version

    def refresh(self) -> None:
        """Nothing: a version does not change."""


class Loaded:
    """One parsed DAG file: Airflow's own bag, the bundle, and how long it took."""

    def __init__(
        self, *, place: Place, bundle: UnpackedBundle, bag: Any, seconds: float, asked: bool = False
    ) -> None:
        self.place = place
        self.bundle = bundle
        self.bag = bag
        self.seconds = seconds
        self.asked = asked
        """The file asked for a Variable, a Connection or the like while it was loaded ahead of its task."""


class AskedAheadOfTask(RuntimeError):
    """A DAG file asks the control plane something at import, and no task is there whose right it could use."""


class _NobodyThere:
    """Stands where the supervisor will be: notes that it was asked, and refuses."""

    def __init__(self) -> None:
        self.asked = False

    def send(self, msg: Any) -> Any:
        self.asked = True
        raise AskedAheadOfTask(f"{type(msg).__name__} asked while the file was loaded ahead of its task")

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)


def load_ahead(place: Place) -> Loaded:
    """Load before there is a task. What the file asks for meanwhile is refused, and `asked` is set: then the
    task loads the file again, when there is somebody to answer."""
    from airflow.sdk.execution_time import task_runner

    nobody = _NobodyThere()
    task_runner.SUPERVISOR_COMMS = nobody
    try:
        file = load(place)
    finally:
        del task_runner.SUPERVISOR_COMMS
    file.asked = nobody.asked
    return file


def load(place: Place) -> Loaded:
    """Parse the file of `place` as `task_runner.parse` does. Runs tenant code: only in a jailed child."""
    from airflow.dag_processing.dagbag import BundleDagBag

    from aerodrome_runtime.parse.paths import add_bundle_paths

    # The same places to import from as when the file was parsed for the control plane.
    add_bundle_paths(bundle_root=Path(place.bundle_path))
    bundle = UnpackedBundle(folder=place.bundle_path, name=place.bundle_name, version=place.bundle_version)
    bundle.initialize()
    started = time.monotonic()
    bag = BundleDagBag(
        dag_folder=os.fspath(Path(bundle.path, place.dag_rel_path)),
        safe_mode=False,
        load_op_links=False,
        bundle_path=bundle.path,
        bundle_name=place.bundle_name,
    )
    return Loaded(place=place, bundle=bundle, bag=bag, seconds=time.monotonic() - started)
