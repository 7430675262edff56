"""Signing in with a passkey alone: POST /sign-in/passkey, then /sign-in/passkey/answer."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.people.factor_shapes import KeyOptionsShape, PasskeyBody
from api.portal.people.shapes import SignedInShape
from api.portal.people.tokens import signed_in_token
from api.portal.people.views import me_shape
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.audit.context import note_actor, note_deed
from tenants.factors.keep import begin_passkey, use_passkey
from tenants.throttle import count_attempt

MOST_TRIES = 100
"""Of one address in a quarter of an hour. No key can be guessed: this spares the cache and the processor."""


class PasskeyOptions(PortalView):
    @extend_schema(request=None, responses={200: KeyOptionsShape})
    def post(self, request: Request) -> Response:
        """What a browser's `navigator.credentials.get` gets. The same for everybody: it names nobody."""
        _count(request)
        challenge, options = begin_passkey()
        return Response({"challenge": challenge, "options": options})


class PasskeyAnswer(PortalView):
    @extend_schema(request=PasskeyBody, responses={200: SignedInShape})
    def post(self, request: Request) -> Response:
        """With what the browser answered. The key has verified its owner, so that no password is needed, and no
        further factor."""
        body, now = read(PasskeyBody, request), utc_now()
        note_deed(action="sign-in", target="user:unknown")
        _count(request)
        user = use_passkey(challenge=body["challenge"], answer=body["answer"], now=now)
        note_actor(kind="person", name=user.username, actor_id=user.id)
        token = signed_in_token(request, user, method="passkey", now=now)
        return Response({"access_token": token, **me_shape(user)})


def _count(request: Request) -> None:
    address = str(request.META.get("REMOTE_ADDR", ""))
    count_attempt(purpose="sign-in", kind="passkey", parts=(address,), most=MOST_TRIES)
