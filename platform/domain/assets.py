"""Assets: what a DAG's condition speaks of, whether it is met, and how Airflow shows it. Pure.

A condition is the tree of `TimetableSpec.condition`: {"type": "all" | "any", "objects": […]}, {"type": "asset",
"name", "uri", …}, {"type": "alias", "name"} and {"type": "ref", "name" | "uri"}. Source: Airflow's
`AssetEvaluator` and the `iter_*` and `as_expression` of its asset classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, str]
"""Name and URI: what an asset is known by."""

Condition = Mapping[str, Any]

LONGEST = 1500
LONGEST_BYTES = 2500


@dataclass(frozen=True, slots=True)
class Known:
    """What names mean just now: aliases -> the assets they were resolved to, references -> the active asset."""

    aliases: Mapping[str, Set[Key]] = field(default_factory=dict)
    names: Mapping[str, Key] = field(default_factory=dict)
    uris: Mapping[str, Key] = field(default_factory=dict)


def is_met(*, condition: Condition, received: Set[Key], known: Known) -> bool:
    """Whether events of `received` meet the condition. What is unknown is not met; nothing meets an empty `any`."""
    match condition.get("type"):
        case "all":
            return all(is_met(condition=each, received=received, known=known) for each in _objects(condition))
        case "any":
            return any(is_met(condition=each, received=received, known=known) for each in _objects(condition))
        case "asset":
            return key_of(condition) in received
        case "alias":
            return bool(known.aliases.get(str(condition.get("name")), frozenset()) & received)
        case "ref":
            found = (
                known.names.get(str(condition["name"]))
                if condition.get("name")
                else known.uris.get(str(condition.get("uri")))
            )
            return found in received if found else False
    return False


def leaves(condition: Condition | None) -> Iterator[Condition]:
    """Assets, aliases and references of the condition, in the author's order."""
    if condition is None:
        return
    if condition.get("type") in ("all", "any"):
        for each in _objects(condition):
            yield from leaves(each)
    else:
        yield condition


def asset_refusal(name: str, uri: str) -> str | None:
    """Why there can be no asset of this name and URI; None when there can. As Airflow's `AssetModel`, and what an
    index can hold."""
    for what, text in (("name", name), ("URI", uri)):
        if not text or len(text) > LONGEST or "\0" in text:
            return f"an asset's {what} must have 1 to {LONGEST} characters, not {text[:80]!r}"
    if not uri.isascii():
        return f"an asset's URI must be ASCII, not {uri[:80]!r}"
    if uri.partition(":")[0].lower() == "airflow" and ":" in uri:
        return f"the URI {uri[:80]!r} has the reserved scheme airflow"
    if len(name.encode()) + len(uri) > LONGEST_BYTES:
        return f"the name and URI of asset {name[:80]!r} have more than {LONGEST_BYTES} bytes together"
    return None


def key_of(asset: Mapping[str, Any]) -> Key:
    """An asset's name and URI; one that has only one of them has both the same."""
    name, uri = str(asset.get("name") or ""), str(asset.get("uri") or "")
    return name or uri, uri or name


def expression(condition: Condition | None, ids: Mapping[Key, int]) -> Any:
    """Airflow's `asset_expression`, as its API shows it; `ids` are the integer ids of assets."""
    if condition is None:
        return None
    match condition.get("type"):
        case "all" | "any":
            return {condition["type"]: [expression(each, ids) for each in _objects(condition)]}
        case "asset":
            name, uri = key_of(condition)
            shown: dict[str, Any] = {
                "uri": uri,
                "name": name,
                "group": str(condition.get("group") or "asset"),
            }
            if (name, uri) in ids:
                shown["id"] = ids[name, uri]
            return {"asset": shown}
        case "alias":
            return {
                "alias": {
                    "name": str(condition.get("name")),
                    "group": str(condition.get("group") or ""),
                }
            }
        case "ref":
            by = "name" if condition.get("name") else "uri"
            return {"asset_ref": {by: condition.get(by)}}
    return None


def watchers(conditions: Iterable[Condition | None]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """(asset, {"name", "classpath", "kwargs"}) of each watcher of the assets of these conditions."""
    for condition in conditions:
        for leaf in leaves(condition):
            if leaf.get("type") == "asset":
                for watcher in leaf.get("watchers", ()):
                    yield key_of(leaf), watcher


def _objects(condition: Condition) -> Iterable[Condition]:
    objects: Iterable[Condition] = condition.get("objects", ())
    return objects
