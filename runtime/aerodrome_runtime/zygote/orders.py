"""The words between the agent and a zygote, over one SOCK_SEQPACKET pair: one message, one packet.

The agent orders, the zygote answers in any order; `id` ties them together. File descriptors travel with the
packet (SCM_RIGHTS) in the order that the role documents. No Airflow here: the agent imports this module.
"""

from __future__ import annotations

import msgspec

MAX_PACKET = 160 * 1024
"""Longest packet either side sends, in bytes; a default AF_UNIX send buffer takes it."""


class Place(msgspec.Struct, kw_only=True):
    """The code a child works on."""

    bundle_path: str
    bundle_name: str = "dags"
    bundle_version: str | None = None
    dag_rel_path: str = ""
    runtime_path: str = ""
    """The tenant's own environment; empty: the one the zygote itself runs in."""


class Fork(msgspec.Struct, kw_only=True, tag="fork"):
    """Fork a child in `role` with these descriptors:

    - `spare`: requests socket, log pipe, stdout pipe, stderr pipe; loads the file (unless its zygote holds it
      already), warms up, waits for one task
    - `dags`: control socket, log pipe, stdout pipe, stderr pipe; loads the file once and forks spares from it
    - `triggers`: requests socket, log pipe, stdout pipe, stderr pipe; runs triggers of one bundle until told to end
    - `parse`: result pipe, stdout pipe, stderr pipe; parses one file into a `FileParse`
    - `connection`: socket, stdout pipe, stderr pipe; tests one connection, which comes over the socket
    """

    id: int
    role: str
    place: Place
    jail: str | None = None
    """A JailSpec as JSON; None forks without a jail."""
    title: str = ""
    warm: bool = True
    """False when a task waits already: a dummy run would only delay it, and cost processor time that others need."""
    environment: dict[str, str] = {}
    uid: int | None = None
    """From a DAG zygote: the uid that the child takes, of the block lent to the zygote."""
    seconds: float | None = None
    """`parse`: how long the file may take before it is told as a timeout with its line."""
    timetable: str | None = None
    """`parse`: a `TimetableOrder` as JSON; its DAG's timetable is asked and nothing is translated."""


class Signal(msgspec.Struct, kw_only=True, tag="signal"):
    """Send a signal to a child and its process group. Nothing happens when it has been reaped already."""

    id: int
    signal: int
    group: bool = False


class Ready(msgspec.Struct, kw_only=True, tag="ready"):
    """The zygote is warm and takes orders."""

    airflow: str
    python: str
    seconds: float
    modules: int
    threads: int = 1
    """More than one: a file started threads while it was loaded, and nothing may be forked from here."""


class Forked(msgspec.Struct, kw_only=True, tag="forked"):
    id: int
    pid: int


class Refused(msgspec.Struct, kw_only=True, tag="refused"):
    """No child came of it: the kernel or the jail said no."""

    id: int
    message: str


class Exited(msgspec.Struct, kw_only=True, tag="exited"):
    """A child was reaped. Exactly one of `exit_code` and `signal` says how."""

    id: int
    exit_code: int | None
    signal: int | None
    peak_bytes: int
    cpu_seconds: float


Order = Fork | Signal
Answer = Ready | Forked | Refused | Exited
