"""Runs one benchmark of benchmarks/ with its peers; without a name, lists them."""

from __future__ import annotations

import argparse
import ast
import importlib
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a file of benchmarks/, without .py")
    parser.set_defaults(rest=[])
    parser.epilog = "Everything else goes to the benchmark: ./aerodrome bench chain --json FILE"


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    """A benchmark is a module of benchmarks/ with ``main(argv: list[str]) -> int``."""
    found = {
        path.stem: path
        for path in sorted((checkout / "benchmarks").glob("*.py"))
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "main"
            for node in ast.parse(path.read_text()).body
        )
    }
    name = arguments.name.replace("-", "_") if arguments.name else None
    if name not in found:
        if name:
            print(f"aerodrome: there is no benchmark {name!r}.")
        for stem, path in found.items():
            print(f"  {stem:14}{(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        return 2 if name else 0
    return int(importlib.import_module(f"benchmarks.{name}").main(arguments.rest) or 0)
