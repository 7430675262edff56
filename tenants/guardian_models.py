"""guardian as this platform uses it: its model of a permission on one object, and none of its own tables.

Its generic tables know no tenant, so no wall can stand around them; they are never made (`MIGRATION_MODULES`),
and Django must not look into them when it deletes a person. Named in INSTALLED_APPS. See docs/adr/0023.
"""

from __future__ import annotations

from guardian.apps import GuardianConfig

_GENERIC = ("userobjectpermission", "groupobjectpermission")


class WithoutGenericTables(GuardianConfig):
    """Takes guardian's two generic models out of Django's registry as soon as they are loaded."""

    def import_models(self) -> None:
        super().import_models()
        for name in _GENERIC:
            self.apps.all_models[self.label].pop(name, None)  # type: ignore[union-attr]
        self.apps.clear_cache()  # type: ignore[union-attr]

    def ready(self) -> None:
        """guardian's own would add methods to people and groups."""
