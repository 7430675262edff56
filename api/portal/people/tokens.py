"""The token that a sign-in ends with: it names the session, and falls with it."""

from __future__ import annotations

from datetime import datetime

from rest_framework.request import Request

from tenants.access_tokens import issue_access_token
from tenants.models.identity_provider import IdentityProvider
from tenants.models.user import User
from tenants.sessions import begin_session


def signed_in_token(
    request: Request, user: User, *, method: str, now: datetime, provider: IdentityProvider | None = None
) -> str:
    """Begin a session; `method` is what the person reads in their list of sessions."""
    session_id = begin_session(
        user_id=user.id,
        method=method,
        provider_id=provider.id if provider else None,
        address=str(request.META.get("REMOTE_ADDR", "")),
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
    )
    return issue_access_token(
        user_id=user.id,
        username=user.username,
        now=now,
        session_id=session_id,
        organisation_id=provider.organisation_id if provider else None,
    )
