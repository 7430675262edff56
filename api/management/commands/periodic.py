"""`manage.py periodic`: a Celery worker for periodic jobs; on threads the beat, the sender of notifications,
the watchdog of operators and whoever goes on errands (fetching from Git hosts, telling them). Until TERM.
"""

from __future__ import annotations

import threading
from typing import Any

from django.core.management.base import BaseCommand

from api.errand_wiring import ERRANDS
from api.periodic_jobs import register_jobs
from controlplane.alerts.loop import delivery_service, watchdog
from controlplane.foundation.logging import configure_logging
from controlplane.maintenance.errands import Errands
from controlplane.maintenance.periodic.beat import beat_service
from controlplane.maintenance.periodic.broker import application
from controlplane.maintenance.periodic.worker import run_worker


class Command(BaseCommand):
    help = "Run periodic jobs. Several may run: one asks, by a lease, and each job runs once at a time."

    def handle(self, *args: Any, **options: Any) -> None:
        configure_logging()
        register_jobs()
        app = application()
        errands = Errands(handlers=ERRANDS).service()
        services: list[Any] = [beat_service(app), delivery_service(), watchdog(), errands]
        threads = [threading.Thread(target=service.run, daemon=True) for service in services]
        for thread in threads:
            thread.start()
        run_worker(app)
        for service in services:
            service.stop()
        for thread in threads:
            thread.join(5)
