"""Assets, aliases, references and conditions of them, as dicts tagged with `type`."""

from __future__ import annotations

from typing import Any

from aerodrome_runtime.translate.plain import Plain


def asset(*, source: Any, plain: Plain) -> dict[str, Any]:
    """One inlet, outlet or schedule condition. Anything else Airflow lets through is told as `other`."""
    from airflow.sdk.definitions.asset import Asset, AssetAlias, AssetAll, AssetAny, AssetNameRef, AssetUriRef

    match source:
        case AssetAll() | AssetAny():
            kind = "all" if isinstance(source, AssetAll) else "any"
            return {"type": kind, "objects": [asset(source=each, plain=plain) for each in source.objects]}
        case AssetAlias():
            return {"type": "alias", "name": source.name, "group": source.group}
        case AssetNameRef():
            return {"type": "ref", "name": source.name}
        case AssetUriRef():
            return {"type": "ref", "uri": source.uri}
        case Asset():
            return _asset(source, plain)
    return {"type": "other", "value": plain.value(source), "class": plain.path(type(source))}


def assets(*, sources: Any, plain: Plain) -> list[dict[str, Any]]:
    """A task's inlets or outlets, in the author's order."""
    return [asset(source=each, plain=plain) for each in sources or ()]


def _asset(source: Any, plain: Plain) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "asset", "name": source.name, "uri": source.uri, "group": source.group}
    if source.extra:
        told["extra"] = plain.value(source.extra)
    if source.watchers:
        told["watchers"] = [_watcher(each, plain) for each in source.watchers]
    access = plain.value(_access(source))
    if access:
        told["access_control"] = access
    return told


def _watcher(source: Any, plain: Plain) -> dict[str, Any]:
    trigger = source.trigger
    if isinstance(trigger, dict):
        classpath, kwargs = trigger["classpath"], trigger["kwargs"]
    else:
        classpath, kwargs = trigger.serialize()
    return {"name": source.name, "classpath": plain.text(classpath), "kwargs": plain.value(kwargs)}


def _access(source: Any) -> dict[str, Any]:
    access = getattr(source, "access_control", None)
    if access is None or isinstance(access, dict):
        return access or {}
    told = {"producer_teams": sorted(access.producer_teams), "allow_global": access.allow_global}
    if access.consumer_teams is not None:
        told["consumer_teams"] = sorted(access.consumer_teams)
    is_default = not access.producer_teams and access.consumer_teams is None and access.allow_global
    return {} if is_default else told
