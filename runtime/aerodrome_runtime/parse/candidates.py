"""Which files of a bundle may hold DAGs. Runs no tenant code."""

from __future__ import annotations

from pathlib import Path


def find_dag_files(bundle_root: Path) -> list[str]:
    """Bundle paths (POSIX, sorted) of every `.py` and zip file that Airflow's safe mode would look at.

    Searches `dags/` when the bundle has one, else the whole bundle; obeys `.airflowignore`; leaves out
    symbolic links and whatever lies behind one, and folders that hold no bundle code (`.git`, caches).
    """
    from airflow._shared.module_loading.file_discovery import find_path_from_directory
    from airflow.configuration import conf
    from airflow.utils.file import might_contain_dag_via_default_heuristic

    root = bundle_root.absolute()
    start = root / "dags" if (root / "dags").is_dir() else root
    syntax = conf.get("core", "dag_ignore_file_syntax", fallback="glob")
    found = []
    for name in find_path_from_directory(str(start), ".airflowignore", syntax):
        path = Path(name)
        relative = path.relative_to(root)
        if path.suffix.lower() not in (".py", ".zip") or _is_hidden(relative) or _behind_link(root, relative):
            continue
        if path.is_file() and might_contain_dag_via_default_heuristic(str(path)):
            found.append(relative.as_posix())
    return sorted(found)


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in relative.parts)


def _behind_link(root: Path, relative: Path) -> bool:
    return any((root / part).is_symlink() for part in [relative, *relative.parents][:-1])
