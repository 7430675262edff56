"""manage.py export_tenant, import_tenant, restore_tenant, start_tenant: what they say, and what they refuse in a line."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from controlplane.secrets import variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.archived import lively_tenant
from tests.support.factories import make_person


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_out_and_in_again(database: None, tmp_path: Path) -> None:
    tenant = lively_tenant("alpha")
    owner = make_person()
    secret, file = tmp_path / "secret", str(tmp_path / "alpha.zip")
    secret.write_text("correct horse battery\nnot this line\n")
    with_secret = ("--passphrase-file", str(secret))
    assert "SHA-256" in said("export_tenant", "alpha", file, *with_secret)
    told = said("import_tenant", file, "--as", "beta", "--owner", owner.username, *with_secret)
    assert "new ids" in told and "start_tenant beta" in told
    assert "from now on" in said("start_tenant", "beta")
    assert "already" in said("start_tenant", "beta")
    told = said("restore_tenant", "alpha", file, *with_secret)
    assert "its own ids" in told and "replaced" in told
    for place in (tenant, Tenant.objects.using("auth").get(slug="beta")):
        with tenant_scope(place.id):
            assert variables.get("password") == "secret of alpha"


def test_what_is_left_out_is_told(database: None, tmp_path: Path) -> None:
    lively_tenant("alpha")
    told = said("export_tenant", "alpha", str(tmp_path / "alpha.zip"))
    assert "Secrets left out: connection:warehouse, variable:password" in told


def test_refusals_are_one_line(database: None, tmp_path: Path) -> None:
    lively_tenant("alpha")
    file = tmp_path / "alpha.zip"
    said("export_tenant", "alpha", str(file))
    wrong = [
        (("export_tenant", "nobody", str(tmp_path / "x.zip")), "no tenant 'nobody'"),
        (("export_tenant", "alpha", str(file)), "exists"),
        (("import_tenant", str(file), "--owner", "nobody"), "no person 'nobody'"),
        (("import_tenant", str(file), "--owner", make_person().username), "'alpha' already"),
        (("import_tenant", str(file), "--owner", make_person().username, "--as", "A!"), "A!"),
        (("import_tenant", str(tmp_path / "none.zip"), "--owner", make_person().username), "no file"),
        (("restore_tenant", "nobody", str(file)), "not of 'nobody'"),
        (("start_tenant", "nobody"), "no open tenant"),
    ]
    for arguments, word in wrong:
        with pytest.raises(CommandError) as refused:
            said(*arguments)
        assert word in str(refused.value), arguments
