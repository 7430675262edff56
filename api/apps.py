"""The Django application of the doors: it owns no tables."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        from api.v2 import wildcard

        wildcard.register()
