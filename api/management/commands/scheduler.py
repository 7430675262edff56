"""`manage.py scheduler`: the scheduler's loop and, on a thread, the rescue of lost attempts, until TERM."""

from __future__ import annotations

import threading
from typing import Any

from django.core.management.base import BaseCommand

from api.agent import wiring
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.logging import configure_logging
from controlplane.maintenance.loop import maintenance_service
from controlplane.scheduler.loop import SchedulerLoop


class Command(BaseCommand):
    help = "Schedule for every tenant whose lease this process can get."

    def handle(self, *args: Any, **options: Any) -> None:
        configure_logging()
        wiring.connect()
        keeper = maintenance_service(give_up=wiring.GIVE_UP, at_start=wiring.recover)
        thread = threading.Thread(target=keeper.run, name="maintenance", daemon=True)
        thread.start()
        SchedulerLoop(executor=LocalExecutor(), handlers=wiring.ITEM_HANDLERS).service().run()
        keeper.stop()
        thread.join(5)
