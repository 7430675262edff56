"""GET /operators/periodic-jobs, GET and PATCH one of them, POST …/run. For operators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.operators.view import OperatorView
from api.portal.pages import PageShape, page_of_all
from api.portal.view import read
from api.problems import PortalNotFound
from controlplane.foundation.periodic import JobUnknown
from controlplane.maintenance.periodic.schedules import (
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    change_job,
    find_job,
    list_jobs,
    run_now,
)
from tenants.audit.record import record_platform_change


class JobShape(serializers.Serializer[None]):
    name = serializers.CharField()
    what = serializers.CharField()
    is_enabled = serializers.BooleanField()
    every_seconds = serializers.IntegerField(allow_null=True)
    schedule = serializers.CharField(help_text="In words; also of schedules that are no interval")
    asked_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    is_running = serializers.BooleanField()
    outcome = serializers.CharField(allow_null=True, help_text="done, failed")
    message = serializers.CharField(allow_null=True)
    runs = serializers.IntegerField()
    failures = serializers.IntegerField()


class JobsShape(PageShape):
    jobs = JobShape(many=True)


class JobBody(serializers.Serializer[None]):
    every_seconds = serializers.IntegerField(
        required=False, min_value=SHORTEST_SECONDS, max_value=LONGEST_SECONDS
    )
    is_enabled = serializers.BooleanField(required=False)


class Jobs(OperatorView):
    @extend_schema(responses={200: JobsShape})
    def get(self, request: Request) -> Response:
        """Every job by name, with its schedule, its last run and what became of it."""
        self.operator(request)
        page = page_of_all(request, list_jobs(), lambda job: [job.name])
        return page.answer("jobs", [asdict(job) for job in page.rows])


class OneJob(OperatorView):
    @extend_schema(responses={200: JobShape})
    def get(self, request: Request, name: str) -> Response:
        """One job."""
        self.operator(request)
        return Response(asdict(_found(name)))

    @extend_schema(request=JobBody, responses={200: JobShape})
    def patch(self, request: Request, name: str) -> Response:
        """Change its interval, or switch it on or off."""
        self.operator(request)
        given: dict[str, Any] = read(JobBody, request)
        before = _found(name)
        after = change_job(
            name=name,
            every_seconds=given.get("every_seconds"),
            is_enabled=given.get("is_enabled", before.is_enabled),
        )
        fields = ("every_seconds", "is_enabled")
        record_platform_change(
            action="periodic.job.changed",
            target=f"periodic_job:{name}",
            before={field: getattr(before, field) for field in fields},
            after={field: getattr(after, field) for field in fields},
        )
        return Response(asdict(after))


class RunJob(OperatorView):
    @extend_schema(request=None, responses={202: JobShape})
    def post(self, request: Request, name: str) -> Response:
        """Ask for one run now."""
        self.operator(request)
        _found(name)
        run_now(name)
        record_platform_change(action="periodic.job.asked", target=f"periodic_job:{name}")
        return Response(asdict(_found(name)), status=202)


def _found(name: str) -> Any:
    try:
        return find_job(name)
    except JobUnknown as error:
        raise PortalNotFound(str(error)) from error
