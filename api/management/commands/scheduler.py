"""`manage.py scheduler`: the scheduler's loop and, on threads, the rescue of lost attempts and the mails."""

from __future__ import annotations

import threading
from typing import Any

from django.core.management.base import BaseCommand

from api.agent import wiring
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.logging import configure_logging
from controlplane.maintenance.loop import maintenance_service
from controlplane.maintenance.mails import mail_service
from controlplane.scheduler.loop import SchedulerLoop


class Command(BaseCommand):
    help = "Schedule for every tenant whose lease this process can get."

    def handle(self, *args: Any, **options: Any) -> None:
        configure_logging()
        wiring.connect()
        keeper = maintenance_service(give_up=wiring.GIVE_UP, at_start=wiring.recover)
        post = mail_service()
        beside = [
            threading.Thread(target=service.run, name=service.name, daemon=True) for service in (keeper, post)
        ]
        for thread in beside:
            thread.start()
        SchedulerLoop(executor=LocalExecutor(), handlers=wiring.ITEM_HANDLERS).service().run()
        keeper.stop()
        post.stop()
        for thread in beside:
            thread.join(5)
