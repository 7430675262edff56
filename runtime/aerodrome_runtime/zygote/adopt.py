"""Make a forked child the tenant's: its environment variables, its own runtime, its plugins folder.

Runs after the child gave up its privileges, because a tenant's packages (their `.pth` files, their entry
points) are tenant code as much as its DAG files are.
"""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

from aerodrome_runtime.zygote.orders import Place


def environment(values: dict[str, str]) -> None:
    """Replace the whole environment: nothing of the zygote's own stays."""
    os.environ.clear()
    os.environ.update(values)


def runtime(place: Place) -> None:
    """Look for packages in the tenant's runtime from now on, where the base's were found until now.

    A tenant's runtime is a copy of the base plus its requirements, resolved with Airflow's versions as
    constraints, so what is imported already is the same there.
    """
    plugins = Path(place.bundle_path, "plugins")
    own = bool(place.runtime_path) and Path(place.runtime_path) != Path(sys.prefix)
    path_of(place)
    if own:
        _change_prefix(Path(place.runtime_path))
    if plugins.is_dir():
        from airflow import settings

        settings.PLUGINS_FOLDER = str(plugins)
    if own or plugins.is_dir():
        _forget_plugins()


def path_of(place: Place) -> None:
    """Programs of the tenant's runtime come first: `dbt`, `python` and the like."""
    if place.runtime_path:
        os.environ["VIRTUAL_ENV"] = place.runtime_path
        os.environ["PATH"] = f"{place.runtime_path}/bin:{os.environ.get('PATH', os.defpath)}"
    plugins = Path(place.bundle_path, "plugins")
    if plugins.is_dir():
        os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(plugins)


def _change_prefix(prefix: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    before = str(Path(sys.prefix, "lib", version, "site-packages"))
    after = prefix / "lib" / version / "site-packages"
    if not after.is_dir():
        raise FileNotFoundError(f"runtime {prefix} has no {after.relative_to(prefix)}; build it again")
    sys.path[:] = [entry for entry in sys.path if entry != before]
    sys.prefix = sys.exec_prefix = str(prefix)
    sys.executable = str(prefix / "bin" / "python")
    site.addsitedir(str(after))
    for package in ("airflow", "airflow.providers"):
        module = sys.modules.get(package)
        if module is not None:
            _extend(module, after, package)


def _extend(module: object, packages: Path, name: str) -> None:
    """Namespace packages keep the folders they were made with: let them find the tenant's providers too."""
    folder = packages.joinpath(*name.split("."))
    path = getattr(module, "__path__", None)
    if folder.is_dir() and path is not None and str(folder) not in list(path):
        module.__path__ = [*path, str(folder)]  # type: ignore[attr-defined]


def _forget_plugins() -> None:
    """Plugins and entry points were looked up in the base; look again where the tenant's are."""
    from airflow.sdk import listener, plugins_manager
    from airflow.sdk._shared import module_loading
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    plugins_manager._get_plugins.cache_clear()
    plugins_manager.integrate_macros_plugins.cache_clear()
    plugins_manager.get_hook_lineage_readers_plugins.cache_clear()
    listener.get_listener_manager.cache_clear()
    module_loading._get_grouped_entry_points.cache_clear()
    # The singleton's own flag, or the next one would skip its initialisation.
    ProvidersManagerTaskRuntime._instance = None
    ProvidersManagerTaskRuntime._initialized = False


def block_orm() -> None:
    """Airflow's own refusal of database access from tasks (`supervisor.block_orm_access`)."""
    from airflow.sdk.execution_time.supervisor import block_orm_access

    block_orm_access()
