"""Folders that server accounts can reach, and one pair of servers for the tests that only look."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.testing import EmbeddedServices, embedded_services


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that other accounts can pass through (pytest's own are closed)."""
    folder = Path(tempfile.mkdtemp(prefix="aerodrome-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def services() -> Iterator[EmbeddedServices]:
    """Running servers, shared by the tests of one file. Do not kill them."""
    with embedded_services() as started:
        yield started
