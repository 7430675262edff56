"""Processor time by process: who belongs to whom, and that nothing is counted twice."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measure.processes import (
    TICKS,
    Process,
    name_tree,
    parse_stat,
    pss_bytes,
    read_processes,
    seconds_by_name,
)


def _process(pid: int, parent: int, command: str, own: float = 0.0, reaped: float = 0.0) -> Process:
    return Process(pid=pid, parent=parent, own=own, reaped=reaped, command=command)


def test_a_name_with_blanks_and_brackets_is_read() -> None:
    line = "42 (a (b) c) S 7 1 1 0 -1 0 5 6 0 0 200 100 30 20 20 0 1 0 99 1 1"
    process = parse_stat(line, "")
    assert (process.pid, process.parent, process.command) == (42, 7, "a (b) c")
    assert process.own == 300 / TICKS
    assert process.reaped == 50 / TICKS


def test_children_take_their_parents_name_unless_they_have_one() -> None:
    processes = {
        1: _process(1, 0, "init"),
        2: _process(2, 1, "server"),
        3: _process(3, 2, "zygote"),
        4: _process(4, 3, "spare"),
        5: _process(5, 2, "thread pool"),
        6: _process(6, 1, "stranger"),
    }
    names = name_tree(
        roots={2: "server", 99: "gone"},
        label=lambda command: command if command == "zygote" else None,
        processes=processes,
    )
    assert names == {2: "server", 3: "zygote", 4: "zygote", 5: "server"}


def test_ended_children_count_where_they_belong() -> None:
    processes = {2: _process(2, 1, "a", own=1.0, reaped=4.0), 3: _process(3, 2, "b", own=2.0)}
    total = seconds_by_name(
        names={2: "zygote", 3: "tasks"},
        processes=processes,
        reaped_as=lambda name: "tasks" if name == "zygote" else name,
    )
    assert dict(total) == {"zygote": 1.0, "tasks": 6.0}


def test_the_real_tree_holds_a_child_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mine = {os.getpid(): "bench"}
        names = name_tree(roots=mine, label=lambda _: None, processes=read_processes())
        assert child.pid in names
        assert pss_bytes([os.getpid()]) > 1 << 20
        child.communicate(b"\n")
    assert child.pid not in name_tree(roots=mine, label=lambda _: None, processes=read_processes())
    assert pss_bytes([child.pid]) == 0
