"""Where a bundle's code is importable from. Called in the parse child and the zygote, before the DAG file."""

from __future__ import annotations

import sys
from pathlib import Path


def bundle_paths(*, bundle_root: Path) -> list[str]:
    """`dags/` and `plugins/` when present, then the root itself."""
    folders = [bundle_root / "dags", bundle_root / "plugins"]
    return [str(folder) for folder in folders if folder.is_dir()] + [str(bundle_root)]


def add_bundle_paths(*, bundle_root: Path) -> None:
    """Append the bundle's folders to `sys.path`, as Airflow does: installed packages win over bundle modules.

    Also names the bundle's `plugins/` as Airflow's plugins folder. Calling it twice adds nothing.
    """
    for folder in bundle_paths(bundle_root=bundle_root):
        if folder not in sys.path:
            sys.path.append(folder)
    plugins = bundle_root / "plugins"
    if plugins.is_dir():
        from airflow import settings

        settings.PLUGINS_FOLDER = str(plugins)
