"""`aerodrome deploy` before and after the server speaks: addresses, tokens, verdicts, and lines that are no commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from launcher.upload import NotDeployed, Outcome, deploy_folder, lines_of

ERROR = {"path": "dags/a.py", "line": 3, "message": "ImportError: no\n::set-env name=PATH::/tmp"}


def asked(tmp_path: Path, to: str, token: str | None = "t") -> Outcome:
    return deploy_folder(root=tmp_path, to=to, token=token, message="", seconds=1, tell=lambda _: None)


@pytest.mark.parametrize(
    "to", ["", "acme", "https://host", "https://host/acme", "ftp://host/t/acme", "https://host/t"]
)
def test_what_is_no_tenants_address_is_refused(tmp_path: Path, to: str) -> None:
    with pytest.raises(NotDeployed, match="is not a tenant's address"):
        asked(tmp_path, to)


def test_without_a_token_nothing_is_sent(tmp_path: Path) -> None:
    for token in (None, ""):
        with pytest.raises(NotDeployed, match="give a token"):
            asked(tmp_path, "https://host.invalid/t/acme", token)


def test_a_server_that_is_away_is_not_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(NotDeployed, match="cannot be asked"):
        asked(tmp_path, "http://127.0.0.1:9/t/acme")


@pytest.mark.parametrize(
    ("more", "is_good"),
    [
        ({}, True),
        ({"state": "checked", "number": None}, True),
        ({"errors": [ERROR]}, False),
        ({"state": "failed"}, False),
        ({"state": "dropped"}, False),
        ({"trial": {"state": "passed", "message": ""}}, True),
        ({"trial": {"state": "failed", "message": ""}}, False),
        ({"trial": {"state": "dropped", "message": ""}}, False),
    ],
)
def test_only_what_is_in_force_and_stays_is_good(more: dict[str, Any], is_good: bool) -> None:
    given = {"bundle_id": "b", "state": "active", "number": 7, **more}
    assert Outcome(**given).is_good is is_good


def test_lines_for_github_hold_no_command_of_somebody_else() -> None:
    odd = {"path": "dags/a,b:c\n::warning::.py", "line": 0, "message": "50% off\n::error::x"}
    trial = {"state": "failed", "message": "these files fail to import: a\n::error::x"}
    told = list(lines_of(Outcome("b", "active", 7, [ERROR, odd], 2, trial), as_github=True))
    assert told == [
        "::error file=dags/a.py,line=3::ImportError: no ::set-env name=PATH::/tmp",
        "::error file=dags/a%2Cb%3Ac%0A%3A%3Awarning%3A%3A.py,line=1::50%25 off ::error::x",
        "canary failed: these files fail to import: a ::error::x",
        "deployment 7 is active: 2 DAGs",
    ]
    plain = list(lines_of(Outcome("b", "checked", None, [ERROR]), as_github=False))
    assert plain[0].startswith("ERROR  dags/a.py:3: ImportError: no ::set-env")
    assert "deploys by hand or is pinned" in plain[1]
