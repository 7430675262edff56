"""Django's operations of a first migration, without building every related model anew after each of them.

Django renders a model again, with all that are related to it, when one constraint of it is added. Here every
table points at its tenant, so each of hundreds of constraints would render every model: half a minute of a new
database's making. A constraint or index changes no column, and a new table has no other's reverse relation to
tell: the classes that are there serve the SQL as well. The state (`ProjectState.models`) is Django's own.
Source: `django.db.migrations.state.ProjectState.reload_model`.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.migrations.state import ModelState, ProjectState


class CreateModel(migrations.CreateModel):
    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        made = ModelState(
            app_label,
            self.name,
            list(self.fields),
            dict(self.options),
            tuple(self.bases or ()),
            list(self.managers or ()),
        )
        rendered = state.__dict__.pop("apps", None)
        state.add_model(made)
        if rendered is not None:
            state.__dict__["apps"] = rendered
            rendered.render_multiple([made])


class AddConstraint(migrations.AddConstraint):
    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        _append(state, (app_label, self.model_name_lower), "constraints", self.constraint)


class AddIndex(migrations.AddIndex):
    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        _append(state, (app_label, self.model_name_lower), "indexes", self.index)


def _append(state: ProjectState, key: tuple[str, str], option: str, added: Any) -> None:
    options = state.models[key].options
    options[option] = [*options.get(option, []), added]
