"""Every attack is stopped by the jail, and succeeds without it: else it would prove nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aerodrome_runtime.jail import probes
from aerodrome_runtime.jail.level import lay_out_targets
from tests.runtime.jail.conftest import SpecMaker, needs_root, run_jailed, run_plain

pytestmark = needs_root


@pytest.fixture
def targets() -> Iterator[probes.Targets]:
    with lay_out_targets() as laid_out:
        yield laid_out


@pytest.mark.parametrize("attack", probes.ATTACKS, ids=lambda attack: attack.__name__)
def test_attack_is_stopped_in_the_jail_only(
    attack: probes.Attack, targets: probes.Targets, spec_of: SpecMaker
) -> None:
    spec = spec_of()
    spec = replace(
        spec,
        limits=replace(spec.limits, processes=targets.process_limit, memory_bytes=targets.memory_bytes),
    )
    targets = replace(targets, environment=frozenset(spec.environment))

    stopped, how = run_plain(lambda: probes.attempt(attack, targets))
    if attack is probes.make_io_uring and stopped:
        pytest.skip(f"this kernel offers no io_uring to anybody: {how}")
    assert not stopped, f"the control was stopped too: {how}"

    answer, status = run_jailed(spec, lambda: probes.attempt(attack, targets))
    assert status == 0, answer
    assert answer[0] is True, f"reached: {answer[1]}"


def test_nothing_was_written_outside(targets: probes.Targets, spec_of: SpecMaker) -> None:
    run_jailed(spec_of(), lambda: probes.attempt(probes.write_outside, targets))
    assert os.listdir(targets.open_folder) == []
    run_plain(lambda: probes.attempt(probes.write_outside, targets))
    assert len(os.listdir(targets.open_folder)) == 1


def test_a_shared_network_is_not_called_a_private_one(targets: probes.Targets, spec_of: SpecMaker) -> None:
    answer, _ = run_jailed(spec_of(network="host"), lambda: probes.attempt(probes.connect_tcp, targets))
    assert answer == [False, "connected"]
