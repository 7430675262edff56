"""`manage.py periodic`: a Celery worker for periodic jobs and, on a thread, the beat, until TERM."""

from __future__ import annotations

import threading
from typing import Any

from django.core.management.base import BaseCommand

from api.periodic_jobs import register_jobs
from controlplane.foundation.logging import configure_logging
from controlplane.maintenance.periodic.beat import beat_service
from controlplane.maintenance.periodic.broker import application
from controlplane.maintenance.periodic.worker import run_worker


class Command(BaseCommand):
    help = (
        "Run periodic jobs. Several may run: one of them asks, by a lease, and each job runs once at a time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        configure_logging()
        register_jobs()
        app = application()
        beat = beat_service(app)
        thread = threading.Thread(target=beat.run, name="beat", daemon=True)
        thread.start()
        run_worker(app)
        beat.stop()
        thread.join(5)
