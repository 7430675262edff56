"""The product's version, as the project file says it."""

from __future__ import annotations

import tomllib
from pathlib import Path


def product_version(*, checkout: Path) -> str:
    """The version in ``pyproject.toml``."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    return str(project["version"])
