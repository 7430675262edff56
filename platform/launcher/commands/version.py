"""Prints the versions of Aerodrome, Python, Postgres and the Airflow it serves."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from launcher.embedded.binaries import PostgresMissing, find_binaries
from launcher.version import product_version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # takes none


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    print(f"aerodrome  {product_version(checkout=checkout)}")
    print(f"python     {platform.python_version()}")
    try:
        binaries = find_binaries()
        print(f"postgres   {binaries.label} ({binaries.source})")
    except PostgresMissing:
        print("postgres   none embedded")
    runtimes = sorted((checkout / "runtime" / "locks").glob("airflow-*.lock"))
    print(f"airflow    {', '.join(path.stem.removeprefix('airflow-') for path in runtimes)}")
    return 0
