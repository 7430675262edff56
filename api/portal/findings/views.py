"""GET /tenants/{slug}/findings: every use of the compatibility shim and every warning, with file and line."""

from __future__ import annotations

from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.findings.shapes import FindingQuery, FindingsShape
from api.portal.pages import asked_of, page_of_all
from api.portal.view import PortalView
from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.scope import tenant_scope


class Findings(PortalView):
    @extend_schema(parameters=[FindingQuery], responses={200: FindingsShape})
    def get(self, request: Request, slug: str) -> Response:
        """What was found in the newest version that was parsed, by path and line; at most the first thousand."""
        access = self.access(request, slug, "bundles.read")
        asked = asked_of(FindingQuery, request)
        with tenant_scope(access.tenant_id):
            newest = (
                BundleVersion.objects.filter(state="parsed").order_by("-id").values("id", "summary").first()
            )
        told = [_shown(each) for each in (newest["summary"].get("findings", []) if newest else [])]
        found = [(place, each) for place, each in enumerate(told) if _matches(each, asked)]
        counts = Counter(each["code"] for _, each in found).most_common()
        version = str(newest["id"]) if newest else None
        page = page_of_all(request, found, lambda row: [row[1]["path"], row[1]["line"], row[0]])
        return page.answer(
            "findings",
            [each for _, each in page.rows],
            bundle_id=version,
            counts=[{"code": code, "count": count} for code, count in counts],
            total_entries=len(found),
        )


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    """With the defaults that are left out where it is stored."""
    return {"line": 0, "hint": "", "severity": "warning", **told}


def _matches(told: dict[str, Any], asked: dict[str, Any]) -> bool:
    return (
        told["code"].startswith(asked.get("code", ""))
        and told["path"] == asked.get("path", told["path"])
        and told["severity"] == asked.get("severity", told["severity"])
    )
