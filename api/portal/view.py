"""The frame of the portal's operations: who asks, in which tenant, may they; errors as problem documents."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from api.authentication import Caller, NotAuthenticated, enter, identify
from api.portal.repeats import HEADER, answer_once
from api.portal.tags import CONDITIONAL, change_if_same, tagged
from api.problems import PermissionMissing, PortalNotFound, Problem, problem
from api.rate import count_person, count_request
from controlplane.foundation.clock import utc_now
from tenants.access import Access, SecondFactorMissing
from tenants.access_tokens import AccessTokenExpired, AccessTokenInvalid
from tenants.part import current_part, is_beyond_part, narrowed

_BEYOND = "your role does not allow this, and none of your grants does here"
_MALFORMED = Problem(422, "malformed", "The request is malformed")


class PortalView(APIView):
    """JSON in, JSON out. Refusals that the table of `api.problems` knows go out through the middleware."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)
    parser_classes = (JSONParser,)

    def caller(self, request: Request) -> Caller:
        """Whoever asks. Raises what `api.authentication` raises."""
        return identify(request._request, now=utc_now())

    def person(self, request: Request) -> Caller:
        """The same, but a person: API tokens have no account."""
        caller = self.caller(request)
        if caller.user_id is None:
            raise NotAuthenticated("sign in as a person: API tokens cannot do this")
        if not self.is_counted:
            count_person(request._request, user_id=caller.user_id)
        return caller

    def access(self, request: Request, slug: str, permission: str) -> Access:
        """The caller's access to a tenant. Strangers hear what those hear who ask for an absent tenant."""
        access = enter(self.caller(request), slug=slug)
        if access is None:
            raise PortalNotFound(f"there is no tenant '{slug}' that you are a member of")
        count_request(request._request, tenant_id=access.tenant_id)
        self.is_counted = True
        if not access.admit(permission):
            raise PermissionMissing(f"the role {access.role} does not hold {permission}")
        self.refused_as_absent = current_part() is not None and access.sees_beyond(permission)
        return access

    takes_keys = True
    """Whether a POST below a tenant's path may carry an `Idempotency-Key`."""

    is_counted = False
    """Whether the request was counted as the tenant's."""

    refused_as_absent = False
    """Whether what the request does not find may be there, for the caller to see and not to change."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """One request: the part of the tenant that it reaches is its own."""
        with narrowed():
            return self._by_convention(request, *args, **kwargs)

    def _by_convention(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Idempotency keys and entity tags, for every operation alike: see `repeats` and `tags`."""

        def act() -> Any:
            return super(PortalView, self).dispatch(request, *args, **kwargs)

        def look(asked: HttpRequest) -> Any:
            view = type(self)()
            view.setup(asked, *args, **kwargs)
            return APIView.dispatch(view, asked, *args, **kwargs)

        if request.method == "GET":
            return tagged(request, act())
        once = self.takes_keys and request.method == "POST" and HEADER in request.headers
        if not once and not (request.method in CONDITIONAL and "If-Match" in request.headers):
            return act()
        known = self._known(request, kwargs.get("slug"))
        if known is None:
            return act()
        caller, access = known
        if once:
            return answer_once(request, caller=caller, access=access, now=utc_now(), act=act)
        return change_if_same(
            request, tenant_id=access.tenant_id, look=look if hasattr(self, "get") else None, act=act
        )

    @staticmethod
    def _known(request: HttpRequest, slug: str | None) -> tuple[Caller, Access] | None:
        """Who asks and what they hold in the tenant of the path; None: the operation itself will say why not."""
        if slug is None:
            return None
        try:
            caller = identify(request, now=utc_now())
            access = enter(caller, slug=slug)
        except (NotAuthenticated, SecondFactorMissing, AccessTokenExpired, AccessTokenInvalid):
            return None
        return None if access is None else (caller, access)

    def handle_exception(self, exc: Exception) -> Any:
        """Rest framework's own errors as problem documents; everything else is the middleware's."""
        if isinstance(exc, ValidationError):
            return problem(_MALFORMED, detail="Some fields are missing or wrong", errors=exc.detail)
        if isinstance(exc, APIException):
            code = str(exc.default_code).replace("_", "-")
            known = Problem(exc.status_code, code, str(exc.default_detail))
            return problem(known, detail=str(exc.detail))
        if isinstance(exc, PortalNotFound) and self.refused_as_absent:
            raise PermissionMissing(_BEYOND) from exc
        if is_beyond_part(exc):
            raise PermissionMissing(_BEYOND) from exc
        raise exc

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").endswith(
            "problem+json"
        ):
            return response
        return super().finalize_response(request, response, *args, **kwargs)


def read(shape: type[Any], request: Request) -> dict[str, Any]:
    """The body, checked against its shape. Raises ValidationError, which names the fields."""
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    body: dict[str, Any] = given.validated_data
    return body
