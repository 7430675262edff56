"""GET /tenants/{slug}/questions; POST /tenants/{slug}/questions/{task_instance_id}/answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import asked_of, page_of
from api.portal.questions.shapes import AnswerShape, QuestionQuery, QuestionShape, QuestionsShape
from api.portal.view import PortalView
from api.problems import PortalNotFound, Problem, problem
from controlplane.execution import hitl
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.hitl_detail import HitlDetail
from controlplane.ledger.record_event import record_event
from tenants.scope import tenant_scope

_ANSWERED = Problem(409, "already-answered", "The question is answered already")
_NOT_ASKED = Problem(403, "not-asked", "The question is for other people")
_INVALID = Problem(422, "answer-invalid", "Not an answer to this question")


class Questions(PortalView):
    @extend_schema(parameters=[QuestionQuery], responses={200: QuestionsShape})
    def get(self, request: Request, slug: str) -> Response:
        """What tasks asked, newest first."""
        access = self.access(request, slug, "runs.read")
        asked = asked_of(QuestionQuery, request)
        names = {"dag_id": "task_instance__dag_id", "dag_run_id": "task_instance__run_id"}
        with tenant_scope(access.tenant_id):
            rows = HitlDetail.objects.filter(**{names[k]: v for k, v in asked.items() if k in names})
            if asked["open"] is not None:
                waits = {"responded_at": None, "task_instance__state": "awaiting_input"}
                rows = rows.filter(**waits) if asked["open"] else rows.exclude(**waits)
            page = page_of(request, rows.select_related("task_instance"), "-created_at", "-id")
            found = [_shown(row) for row in page.rows]
            return page.answer("questions", found, total_entries=rows.count())


class Answer(PortalView):
    @extend_schema(request=AnswerShape, responses={200: QuestionShape})
    def post(self, request: Request, slug: str, task_instance_id: UUID) -> Response | HttpResponse:
        """Answer; a task that waits goes on at once. The first answer counts."""
        access = self.access(request, slug, "runs.edit")
        given = AnswerShape(data=request.data)
        given.is_valid(raise_exception=True)
        said = dict(given.validated_data)
        now = utc_now()
        with tenant_scope(access.tenant_id):
            try:
                row = hitl.answer(
                    task_instance=task_instance_id,
                    chosen=said["chosen_options"],
                    params_input=said["params_input"],
                    user=access.name,
                    also_known_as={str(access.user_id)} if access.user_id else set(),
                    now=now,
                )
            except hitl.QuestionUnknown:
                raise PortalNotFound(f"this tenant has no question of {task_instance_id}") from None
            except hitl.AlreadyAnswered:
                return problem(_ANSWERED, detail="Somebody was first; the first answer counts")
            except hitl.NotAsked as error:
                return problem(_NOT_ASKED, detail=str(error))
            except hitl.AnswerInvalid as error:
                return problem(_INVALID, detail=str(error))
            of = row.task_instance
            record_event(
                event="update_hitl_detail",
                owner=access.name,
                now=now,
                extra={"chosen_options": row.chosen_options},
                dag_id=of.dag_id,
                task_id=of.task_id,
                run_id=of.run_id,
                map_index=of.map_index,
            )
            return Response(_shown(row))


def _shown(row: HitlDetail) -> dict[str, Any]:
    of = row.task_instance
    is_open = row.responded_at is None and of.state == "awaiting_input" and of.try_number == row.try_number
    return {
        "task_instance_id": of.id,
        "dag_id": of.dag_id,
        "dag_run_id": of.run_id,
        "task_id": of.task_id,
        "map_index": of.map_index,
        "try_number": row.try_number,
        "open": is_open,
        "subject": row.subject,
        "body": row.body,
        "options": row.options,
        "defaults": row.defaults,
        "multiple": row.multiple,
        "params": row.params,
        "assigned_users": row.assignees or [],
        "created_at": row.created_at,
        "due_at": of.due_at if is_open else None,
        "responded_at": row.responded_at,
        "responded_by": row.responded_by,
        "chosen_options": row.chosen_options,
        "params_input": row.params_input or {},
    }
