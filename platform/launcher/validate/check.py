"""All checks of one folder, in order: the server's verdict, then policy, lint, credentials, and what would change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from launcher.settings import Settings
from launcher.validate.credentials import hard_coded
from launcher.validate.deployed import compare, read_deployed, shapes_of
from launcher.validate.lint import lint
from launcher.validate.policy import against_policy, level_of
from launcher.validate.problems import sort_key
from launcher.validate.rehearsal import Rehearsal
from launcher.validate.rules import read_rules
from launcher.validate.show import Verdict


def check_folder(
    *, root: Path, against: str | None, token: str | None, settings: Settings, checkout: Path,
    environment: Mapping[str, str], tell: Callable[[str], None],
) -> Verdict:  # fmt: skip
    """The verdict on the bundle at `root`. Raises the refusals of the single checks."""
    started = time.monotonic()
    rules = read_rules(root)
    rehearsal = Rehearsal(root=root, settings=settings, checkout=checkout, environment=environment, tell=tell)
    with rehearsal as told:
        problems = list(told.problems)
        problems += against_policy(accepted=told.accepted, rules=rules)
        if rules.lint != "off":
            problems += lint(bundle=told.bundle, level=level_of(rules.lint), known=problems)
        if rules.credentials != "off":
            level = level_of(rules.credentials)
            problems += hard_coded(bundle=told.bundle, files=told.files, level=level)
    here = shapes_of(told.accepted)
    changes = None
    if against is not None:
        changes = compare(deployed=read_deployed(source=against, token=token), here=here)
    return Verdict(here, sorted(set(problems), key=sort_key), changes, time.monotonic() - started)
