"""The level says what the probes found, and a weaker jail is called weaker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aerodrome_runtime.jail import level as levels
from aerodrome_runtime.jail import probes
from aerodrome_runtime.jail.spec import Isolation, JailSpec
from aerodrome_runtime.jail.tenant import tenant_jail
from tests.runtime.jail.conftest import SYSTEM_ONLY, needs_root, needs_user_namespaces, run_as_nobody


def _builder(uid: int | None, **changes: Any) -> Callable[[Isolation, str], JailSpec]:
    def spec_for(isolation: Isolation, home: str) -> JailSpec:
        return tenant_jail(isolation=isolation, home=home, uid=uid, interpreter=SYSTEM_ONLY, **changes)

    return spec_for


@needs_root
def test_root_reaches_level_three(uid: int) -> None:
    level = levels.probe(_builder(uid))
    assert (level.name, level.isolation) == ("L3", "full"), levels.describe(level)
    assert [found.name for found in level.probes] == [attack.__name__ for attack in probes.ATTACKS]
    assert any(layer.startswith("landlock") for layer in level.missing)
    assert json.loads(json.dumps(level.to_dict()))["name"] == "L3"


@needs_root
def test_a_shared_network_costs_the_level(uid: int) -> None:
    level = levels.probe(_builder(uid, network="host"))
    open_doors = {found.name for found in level.probes if not found.blocked}
    assert (level.name, open_doors) == ("L1", {"connect_tcp", "connect_abstract"})
    assert "loopback" in levels.describe(level)


@needs_root
def test_no_seccomp_costs_the_level(uid: int) -> None:
    level = levels.probe(_builder(uid, seccomp=False))
    assert level.name == "L1"
    assert any(layer.startswith("seccomp") for layer in level.missing)


@needs_user_namespaces
def test_without_root_level_two_is_reached() -> None:
    level = run_as_nobody(lambda: levels.probe(_builder(None)).to_dict())
    stopped = {found["name"]: found["detail"] for found in level["probes"] if found["blocked"]}
    assert (level["name"], level["isolation"]) == ("L2", "rootless"), level
    assert set(stopped) == {attack.__name__ for attack in probes.ATTACKS}
    assert "full: the agent does not run as root" in level["refused"]


def test_without_root_and_namespaces_every_open_door_is_named() -> None:
    def spec_for(isolation: Isolation, home: str) -> JailSpec:
        if isolation != "none":
            raise PermissionError(1, "forbidden by the test")
        return tenant_jail(isolation=isolation, home=home, interpreter=SYSTEM_ONLY)

    def body() -> list[Any]:
        level = levels.probe(spec_for)
        return [level.to_dict(), levels.describe(level)]

    level, text = run_as_nobody(body)
    assert (level["name"], level["isolation"]) == ("L1", "none")
    open_doors = {found["name"] for found in level["probes"] if not found["blocked"]}
    assert {"connect_tcp", "connect_path", "read_neighbour", "signal_parent"} <= open_doors
    assert "NOT isolated" in text
    assert text.count("a task can") >= len(open_doors) - 1
    # what needs no privilege holds even here
    assert not open_doors & {"fork_bomb", "memory_bomb", "use_inherited_descriptor", "read_own_environment"}
