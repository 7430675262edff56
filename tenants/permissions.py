"""What each role may do. One published table; docs and the portal are made from it.

The steps follow Airflow's own (viewer, user, op, admin): who may read variables and connections may read
credentials, so reading them starts with Op.
"""

from __future__ import annotations

from typing import Final

_VIEWER: Final = {
    "dags.read": "See DAGs, their versions, source, warnings and import errors",
    "runs.read": "See DAG runs, task instances, XComs and rendered fields",
    "logs.read": "Read task logs",
    "assets.read": "See assets and their events",
    "pools.read": "See pools",
    "bundles.read": "See bundles and what was found in them",
    "runtimes.read": "See runtimes and their build logs",
    "tenant.read": "See the tenant, its members' names and its usage",
}
_AUTHOR: Final = {
    "dags.edit": "Pause, resume and delete DAGs, ask for a new parse",
    "runs.edit": "Trigger, clear, mark and delete runs and task instances",
    "xcoms.edit": "Write and delete XComs",
    "assets.edit": "Record asset events",
    "bundles.push": "Push and upload bundles",
    "tokens.own": "Make and revoke tokens with at most one's own role",
}
_OP: Final = {
    "pools.edit": "Make, change and delete pools",
    "variables.read": "Read variables",
    "variables.edit": "Write and delete variables",
    "connections.read": "Read connections, without their passwords",
    "connections.edit": "Write and delete connections",
    "runtimes.edit": "Change the runtime's requirements",
    "audit.read": "Read the event log of the whole tenant",
}
_ADMIN: Final = {
    "members.edit": "Invite and remove members, change their roles",
    "tokens.edit": "Revoke anybody's tokens",
    "tenant.edit": "Change the tenant's name and settings",
}
_OWNER: Final = {
    "tenant.delete": "Delete the tenant",
    "owners.edit": "Name and remove owners",
}

ALL: Final[dict[str, str]] = _VIEWER | _AUTHOR | _OP | _ADMIN | _OWNER
"""Permission -> what it allows, for people."""

PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "Viewer": frozenset(_VIEWER),
    "Author": frozenset(_VIEWER | _AUTHOR),
    "Op": frozenset(_VIEWER | _AUTHOR | _OP),
    "Admin": frozenset(_VIEWER | _AUTHOR | _OP | _ADMIN),
    "Owner": frozenset(ALL),
}
"""Role -> its permissions. The keys are `tenants.models.membership.ROLES`."""
