"""Strangers are introduced here, above all of them: who handles work of other stations."""

from __future__ import annotations

from controlplane.bundles import runtimes
from controlplane.dagprocessor import dispatch, store
from controlplane.execution import report

ITEM_HANDLERS = {"parse": dispatch.dispatch_parse, "build": runtimes.dispatch_build}
"""What the scheduler does with items of kind parse and build."""

GIVE_UP = {"parse": dispatch.fail_parse, "build": runtimes.fail_build}
"""What rescue does with parse and build work that was lost too often."""


def connect() -> None:
    """Reports may say `parsed` and `built`. Once per process that takes reports."""
    report.OTHER_WORK.update({"parsed": store.store_parsed, "built": runtimes.store_built})
