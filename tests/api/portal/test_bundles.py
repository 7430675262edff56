"""Uploading archives: member, viewer and stranger; raw and form; the same content twice; refusals."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.access_tokens import issue_access_token
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.bundles import dag_file, parsed, publish_files
from tests.support.parser import parsing
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)


def zip_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return out.getvalue()


def knock(
    actor: Actor, method: str, path: str, data: Any = b"", content_type: str = "application/zip"
) -> Any:
    token = issue_access_token(user_id=actor.user.id, username=actor.user.username, now=utc_now())
    headers = {"authorization": f"Bearer {token}"}
    if isinstance(data, dict):
        return Client().post(f"/api/portal/v1/tenants/{path}", data, headers=headers)
    return Client().generic(
        method, f"/api/portal/v1/tenants/{path}", data, content_type=content_type, headers=headers
    )


def count(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return BundleVersion.objects.count()


def test_an_upload_answers_with_what_its_files_gave(tenant: Tenant, member: Actor) -> None:
    data = zip_of({"dags/a.py": dag_file("a")})
    with parsing() as parser:
        parser.told = {"dags/a.py": parsed("dags/a.py", chain("a", 1))}
        answer = knock(member, "POST", f"{tenant.slug}/bundles?message=first", data)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["state"], body["source"], body["message"]) == ("parsed", "upload", "first")
    assert [each["dag_id"] for each in body["summary"]["accepted"]] == ["a"]
    again = knock(member, "POST", f"{tenant.slug}/bundles?wait=0", data)
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    listed = knock(member, "GET", f"{tenant.slug}/bundles").json()["bundles"]
    assert [each["id"] for each in listed] == [body["id"]]
    one = knock(member, "GET", f"{tenant.slug}/bundles/{body['id']}").json()
    assert list(one["files"]) == ["dags/a.py"]


def test_a_form_with_a_file_is_the_same(tenant: Tenant, member: Actor) -> None:
    upload = SimpleUploadedFile("dags.zip", zip_of({"dags/a.py": dag_file("a")}))
    answer = knock(member, "POST", f"{tenant.slug}/bundles?wait=0", {"archive": upload})
    assert (answer.status_code, answer.json()["state"]) == (201, "received")


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", "bundle-missing", "Send a .zip"),
        (b"hello", "bundle-refused", "not an archive"),
        (zip_of({"../x.py": b""}), "bundle-refused", "leads out"),
        (zip_of({}), "bundle-refused", "holds no files"),
        (zip_of({"requirements.txt": b"-e ../lib\n"}), "bundle-refused", "requirements.txt: line 1"),
    ],
)
def test_a_refusal_says_why(tenant: Tenant, member: Actor, data: bytes, code: str, said: str) -> None:
    answer = knock(member, "POST", f"{tenant.slug}/bundles?wait=0", data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert said in answer.json()["detail"]
    assert count(tenant) == 0


@override_settings(BUNDLE_MAX_BYTES=1000)
def test_too_large_a_body_is_refused_while_it_comes(tenant: Tenant, member: Actor) -> None:
    data = b"PK\x03\x04" + b"x" * 2_000_000
    assert knock(member, "POST", f"{tenant.slug}/bundles", data).status_code == 413
    form = {"archive": SimpleUploadedFile("dags.zip", data)}
    assert knock(member, "POST", f"{tenant.slug}/bundles", form).status_code == 413


def test_a_viewer_sees_and_does_not_upload(tenant: Tenant, viewer: Actor) -> None:
    publish_files(tenant, {"dags/a.py": dag_file("a")})
    assert len(knock(viewer, "GET", f"{tenant.slug}/bundles").json()["bundles"]) == 1
    assert knock(viewer, "POST", f"{tenant.slug}/bundles", zip_of({"a.py": b""})).status_code == 403
    assert count(tenant) == 1


def test_a_stranger_finds_nothing(tenant: Tenant, stranger: Actor) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    at = tenant.slug
    assert knock(stranger, "GET", f"{at}/bundles").status_code == 404
    assert knock(stranger, "GET", f"{at}/bundles/{bundle.id}").status_code == 404
    assert knock(stranger, "POST", f"{at}/bundles", zip_of({"a.py": b"1"})).status_code == 404
    assert knock(stranger, "GET", f"{stranger.tenant.slug}/bundles/{bundle.id}").status_code == 404
    assert count(tenant) == 1


def test_nobody_must_sign_in(tenant: Tenant) -> None:
    assert Client().get(f"/api/portal/v1/tenants/{tenant.slug}/bundles").status_code == 401
