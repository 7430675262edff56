"""A real agent with real zygotes and a real Airflow beside a control plane in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent_process import AgentProcess, Works
from tests.support.fake_gateway import FakeGateway

DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="session")
def runtime_path() -> Path:
    """An environment with Airflow in it; AERODROME_TEST_RUNTIME names the interpreter of one that exists."""
    named = os.environ.get("AERODROME_TEST_RUNTIME")
    if named:
        python = Path(named)
        assert python.is_file(), f"AERODROME_TEST_RUNTIME={named} is no interpreter"
        return python.parents[1]
    from tests.support.built_runtime import build_test_runtime

    return build_test_runtime()


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as fake:
        yield fake


@pytest.fixture(scope="module")
def agent(
    gateway: FakeGateway, runtime_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    directory = tmp_path_factory.mktemp("agent")
    make_passable(directory)
    process = AgentProcess(gateway=gateway, directory=directory, runtime=runtime_path, slots=4)
    try:
        yield process
    finally:
        code = process.stop()
    assert code == 0, process.output.read_text()[-4000:]


@pytest.fixture(scope="module")
def works(gateway: FakeGateway) -> Works:
    return Works(gateway, {path.name: path.read_text() for path in DAGS.glob("*.py")})


def make_passable(directory: Path) -> None:
    """Other uids must be able to walk down to the bundles."""
    for folder in (directory, *directory.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o711)
