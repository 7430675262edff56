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
    "alerts.read": "See alerts and their rules, channels without credentials, and what was sent",
    "tenant.read": "See the tenant, its members' names and its usage",
}
_AUTHOR: Final = {
    "dags.edit": "Pause, resume and delete DAGs, ask for a new parse",
    "runs.edit": "Trigger, clear, mark and delete runs and task instances",
    "xcoms.edit": "Write and delete XComs",
    "assets.edit": "Record asset events",
    "alerts.answer": "Acknowledge and resolve alerts",
    "bundles.push": "Push and upload bundles",
    "tokens.own": "Make and revoke tokens with at most one's own role",
}
_OP: Final = {
    "pools.edit": "Make, change and delete pools",
    "variables.read": "Read variables",
    "variables.edit": "Write and delete variables",
    "connections.read": "Read connections, without their passwords",
    "connections.edit": "Write and delete connections",
    "alerts.edit": "Make, change and delete alert rules, routes, channels, maintenance windows and scheduled reports",
    "runtimes.edit": "Change the runtime's requirements",
    "deployments.edit": "Deploy, roll back, pin, and say whether pushes deploy by themselves",
    "remotes.read": "See where DAGs are fetched from, never its credentials",
    "remotes.edit": "Name and change the Git remote, its credentials and webhook; make and end previews",
    "secrets.read": "See which secret stores the tenant asks, never their credentials",
    "audit.read": "Read the event log and the audit chain of the whole tenant",
}
_ADMIN: Final = {
    "members.edit": "Invite and remove members, change their roles",
    "roles.edit": "Make, change and delete roles of the tenant's own",
    "grants.edit": "Grant parts of the tenant to members and service accounts",
    "accounts.edit": "Make, change and delete service accounts and their tokens",
    "tokens.edit": "Revoke anybody's tokens",
    "audit.export": "Export the audit chain, and stream it to a webhook or a bucket",
    "secrets.edit": "Set the tenant's secret stores, and whether tasks read declared names only",
    "tenant.edit": "Change the tenant's name and settings",
}
_OWNER: Final = {
    "tenant.delete": "Delete the tenant",
    "tenant.export": "Export the tenant whole, with its secrets under a passphrase",
    "owners.edit": "Name and remove owners",
    "sign_in.edit": "Require a second factor of members",
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


LASTING: Final = frozenset(
    {"tokens.own", "accounts.edit", "members.edit", "roles.edit", "grants.edit", "sign_in.edit"}  # access
    | {
        "remotes.edit",
        "secrets.edit",
        "alerts.edit",
        "audit.export",
        "tenant.export",
    }  # code, secrets and content, in or out
)
"""What gives something that stays. A platform operator in a tenant holds none of it: their time there ends."""

_DAGS: Final = {
    "read": frozenset({"dags.read", "runs.read", "logs.read"}),
    "edit": frozenset({"dags.edit", "runs.edit", "xcoms.edit"}),
}
GRANTABLE: Final[dict[str, dict[str, frozenset[str]]]] = {
    "dag": _DAGS,
    "tag": _DAGS,
    "owner": _DAGS,
    "pool": {"read": frozenset({"pools.read"}), "edit": frozenset({"pools.edit"})},
    "connection": {"read": frozenset({"connections.read"}), "edit": frozenset({"connections.edit"})},
    "variable": {"read": frozenset({"variables.read"}), "edit": frozenset({"variables.edit"})},
}
"""What a part of a tenant can be named by -> level -> the permissions that a grant of it gives there. `edit`
holds what `read` holds as well. Connections and variables are named by how their names begin."""

LEVELS: Final = ("read", "edit")

AREAS: Final[dict[str, str]] = {
    permission: "dag" if kind in ("dag", "tag", "owner") else kind
    for kind, levels in GRANTABLE.items()
    for held in levels.values()
    for permission in held
}
"""Permission -> the kind of row that it is about, when it can be granted for a part of them."""


def granted_permissions(kind: str, level: str) -> frozenset[str]:
    """What a grant of `level` on a `kind` allows there."""
    levels = GRANTABLE[kind]
    return levels["read"] | levels["edit"] if level == "edit" else levels["read"]
