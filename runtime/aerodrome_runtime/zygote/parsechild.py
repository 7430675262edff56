"""Role `parse`: one file of a bundle becomes one `FileParse`, written to a pipe. Filled in by `parse` orders."""

from __future__ import annotations

from aerodrome_runtime.zygote.orders import Fork


def run_parse(order: Fork, fds: list[int]) -> None:
    raise NotImplementedError
