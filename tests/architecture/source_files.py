"""The repository's files as the architecture tests look at them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIONS = ROOT / "platform" / "controlplane"
CONTROL_PLANE = ("platform", "tenants", "api")
"""What runs in processes of the control plane, and the launcher that starts them."""
SHIPPED = (*CONTROL_PLANE, "runtime")
_LEFT_OUT = frozenset({"__pycache__", "node_modules", ".venv", "fixtures"})


def python_files(*folders: str, root: Path = ROOT) -> list[Path]:
    """Sorted `.py` files below these folders of the repository, without fixtures."""
    return sorted(_walk(root, folders, ".py"))


def sql_files(root: Path = ROOT) -> list[Path]:
    """Sorted statement files of the stations."""
    return sorted((root / "platform" / "controlplane").glob("*/sql/*.sql"))


def is_generated(path: Path) -> bool:
    """Migrations are written by Django."""
    return "migrations" in path.parts


def shown(path: Path, root: Path = ROOT) -> str:
    """The path as people name it."""
    return path.relative_to(root).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or an attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else node.attr
    return ""


def _walk(root: Path, folders: tuple[str, ...], ending: str) -> Iterator[Path]:
    for folder in folders:
        for path in (root / folder).rglob(f"*{ending}"):
            if _LEFT_OUT.isdisjoint(path.relative_to(root).parts):
                yield path
