"""Reads the command line and runs one command of ``launcher.commands``."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

# In the order of the help. Each is a module of launcher.commands; its docstring's first line is its help.
COMMANDS = (
    "demo",
    "up",
    "down",
    "status",
    "validate",
    "deploy",
    "dags",
    "doctor",
    "verify-audit",
    "backup",
    "restore",
    "tenant",
    "test",
    "bench",
    "prepare-database",
    "rotate-credentials",
    "lock",
    "version",
)
# Started by other commands only.
_INNER_COMMANDS = ("supervise",)


def main(arguments: list[str], *, checkout: Path) -> int:
    """Runs the command and returns its exit status. Refusals are printed without a traceback."""
    name = arguments[0] if arguments else "--help"
    if name not in (*COMMANDS, *_INNER_COMMANDS):
        return _help(name)
    module = _module(name)
    parser = argparse.ArgumentParser(
        prog=f"aerodrome {name}", description=module.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    module.add_arguments(parser)
    parsed, rest = parser.parse_known_args(arguments[1:])
    if "rest" in parsed:
        parsed.rest = rest  # a command that hands the rest on (to pytest, to a benchmark)
    elif rest:
        parser.error(f"unknown: {' '.join(rest)}")
    try:
        return int(module.run(parsed, checkout=checkout))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    except Exception as error:
        from launcher.refusals import REFUSALS

        if not isinstance(error, REFUSALS):
            raise
        print(f"aerodrome: {error}", file=sys.stderr)
        return 1


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"launcher.commands.{name.replace('-', '_')}")


def _help(asked: str) -> int:
    wanted = asked in ("--help", "-h", "help")
    lines = [
        "usage: ./aerodrome COMMAND [options]     (./aerodrome COMMAND --help tells more)",
        "",
        *(f"  {name:20}{(_module(name).__doc__ or '').splitlines()[0]}" for name in COMMANDS),
        "",
        "Settings are environment variables: docs/reference/configuration.md",
    ]
    if not wanted:
        print(f"aerodrome: there is no command {asked!r}.\n", file=sys.stderr)
    print("\n".join(lines), file=sys.stdout if wanted else sys.stderr)
    return 0 if wanted else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], checkout=Path(__file__).resolve().parents[2]))
