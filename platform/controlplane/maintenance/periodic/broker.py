"""The Celery application: the broker carries names of jobs, nothing else; what is true of a job is its row."""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from django.conf import settings

from controlplane.foundation.clock import utc_now
from controlplane.maintenance.periodic.work import run_job

TASK = "aerodrome.periodic"
QUEUE = "aerodrome-periodic"
_LOGIN = "controlplane.foundation.redis_login.LoginFromFile"
EXPIRES_SECONDS = 60
"""A message that nobody took for so long is forgotten; the beat asks again while the job's row is unanswered."""


def broker_url(url: str) -> str:
    """A redis-py URL in kombu's words, which differ for Unix sockets; with who logs in when a file has the password."""
    parts = urlsplit(url)
    login = f"credential_provider={_LOGIN}" if settings.REDIS_PASSWORD_FILE else ""
    if parts.scheme != "unix":
        return parts._replace(query="&".join(filter(None, [parts.query, login]))).geturl()
    number = parse_qs(parts.query).get("db", ["0"])[-1]
    query = "&".join(filter(None, [f"virtual_host={number}", login]))
    return f"redis+socket://{parts.netloc}{parts.path}?{query}"


@cache
def application() -> Celery:
    """One per process. Workers ack at once: a lost run is found by its row, not by the broker."""
    app = Celery("aerodrome", set_as_current=False, fixups=[])
    app.conf.update(
        broker_url=broker_url(settings.CACHES["default"]["LOCATION"]),
        broker_connection_retry_on_startup=True,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        result_expires=None,
        timezone="UTC",
        enable_utc=True,
        beat_sync_every=1,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        event_queue_expires=60,
    )

    @app.task(name=TASK)
    def periodic(name: str) -> None:
        run_job(name=name, now=utc_now())

    return app
