"""Signs up the demo's tenant: a new one each time, with a login that is generated and shown."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from launcher.demo.http import Door


@dataclass(frozen=True)
class DemoTenant:
    """Where the tenant is and how to sign in. The password and token are shown once, in the table."""

    slug: str
    username: str
    password: str
    git_remote: str
    git_token: str
    portal: Door
    """Signed in to the portal's API."""

    @property
    def api_path(self) -> str:
        return f"/t/{self.slug}/api/v2"


def sign_up(*, door: Door) -> DemoTenant:
    """A person and a tenant through the portal's door; the door is signed in afterwards."""
    mark = secrets.token_hex(3)
    slug, username, password = f"demo-{mark}", f"demo-{mark}", secrets.token_urlsafe(15)
    made = door.call(
        "POST",
        "/api/portal/v1/sign-up",
        {
            "username": username,
            "email": f"{username}@example.com",
            "password": password,
            "tenant": slug,
            "tenant_name": f"Demo {mark}",
        },
    )
    signed_in = door.call("POST", f"/t/{slug}/auth/token", {"username": username, "password": password})
    door.token = signed_in["access_token"]
    return DemoTenant(
        slug=slug,
        username=username,
        password=password,
        git_remote=made["git"]["url"],
        git_token=made["git"]["token"],
        portal=Door(base_url=door.base_url, token=made["access_token"]),
    )
