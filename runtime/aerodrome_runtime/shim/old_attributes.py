"""Methods, attributes and single arguments of Airflow 2 on classes that Airflow 3 still has."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from aerodrome_runtime.shim import after_import, uses


class DatabaseRefused(RuntimeError):
    """A DAG file calls a method that wrote to Airflow's database."""


def watch() -> None:
    """Adapt each class as soon as its module is imported."""
    after_import.when_imported("airflow.sdk.api.datamodels._generated", _trigger_rule)
    after_import.when_imported("airflow.task.trigger_rule", _trigger_rule)
    after_import.when_imported("airflow.sdk.definitions.asset", _asset)
    after_import.when_imported("airflow.sdk.definitions.dag", _dag)
    after_import.when_imported("airflow.sdk.definitions.variable", _variable)
    after_import.when_imported("airflow.sdk.bases.hook", _hook)
    after_import.when_imported("airflow.sdk.lineage", _lineage)
    after_import.when_imported("airflow.sdk.execution_time.context", _events)
    for module in ("airflow._shared.secrets_backend.base", "airflow.sdk._shared.secrets_backend.base"):
        after_import.when_imported(module, _secrets)


class _OldMember:
    """A name on a class that gives today's member and tells where it was asked for."""

    def __init__(self, *, owner: str, old: str, new: str, value: Any) -> None:
        self._words = (f"{owner}.{old} is Airflow 2's", f"{owner}.{new}")
        self._value = value

    def __get__(self, instance: object, owner: type) -> Any:
        uses.record(code="attribute", message=self._words[0], hint=self._words[1])
        return self._value


def _trigger_rule(module: ModuleType) -> None:
    rule: Any = module.TriggerRule  # type: ignore[attr-defined]
    for old, new in (("DUMMY", "ALWAYS"), ("NONE_FAILED_OR_SKIPPED", "NONE_FAILED_MIN_ONE_SUCCESS")):
        if not hasattr(rule, old):
            told = _OldMember(owner="TriggerRule", old=old, new=new, value=rule[new])
            type.__setattr__(rule, old, told)


def _asset(module: ModuleType) -> None:
    """Airflow 2's second argument by position was `extra`; today it is `uri`."""
    asset: Any = module.Asset  # type: ignore[attr-defined]
    original = asset.__init__

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) == 2 and isinstance(args[1], Mapping):
            uses.record(
                code="asset-positional",
                message="the second argument by position of an asset is its uri today, not extra",
                hint="Asset(uri, extra=...)",
            )
            kwargs.setdefault("extra", dict(args[1]))
            args = args[:1]
        original(self, *args, **kwargs)

    asset.__init__ = __init__


def _dag(module: ModuleType) -> None:
    def create_dagrun(self: Any, *_: Any, **__: Any) -> None:
        raise DatabaseRefused(
            "DAG.create_dagrun cannot work here: ask the REST API for a run, or use TriggerDagRunOperator"
        )

    dag: Any = module.DAG  # type: ignore[attr-defined]
    if not hasattr(dag, "create_dagrun"):
        dag.create_dagrun = create_dagrun


def _variable(module: ModuleType) -> None:
    variable: Any = module.Variable  # type: ignore[attr-defined]
    original = variable.get.__func__

    @functools.wraps(original)
    def get(cls: Any, key: str, *args: Any, **kwargs: Any) -> Any:
        if "default_var" in kwargs:
            uses.record(
                code="default-var", message="default_var= of Variable.get is Airflow 2's", hint="default="
            )
            kwargs["default"] = kwargs.pop("default_var")
        return original(cls, key, *args, **kwargs)

    variable.get = classmethod(get)


def _hook(module: ModuleType) -> None:
    def get_connections(cls: Any, conn_id: str) -> list[Any]:
        uses.record(
            code="attribute",
            message="BaseHook.get_connections is Airflow 2's",
            hint="BaseHook.get_connection",
        )
        return [cls.get_connection(conn_id)]

    hook: Any = module.BaseHook  # type: ignore[attr-defined]
    if not hasattr(hook, "get_connections"):
        hook.get_connections = classmethod(get_connections)


def _lineage(module: ModuleType) -> None:
    collector: Any = module.HookLineageCollector  # type: ignore[attr-defined]
    for old, new in (
        ("create_dataset", "create_asset"),
        ("add_input_dataset", "add_input_asset"),
        ("add_output_dataset", "add_output_asset"),
        ("collected_datasets", "collected_assets"),
    ):
        if hasattr(collector, new) and not hasattr(collector, old):
            setattr(collector, old, _renamed("HookLineageCollector", old, new))
    info: Any = module.AssetLineageInfo  # type: ignore[attr-defined]
    if not hasattr(info, "dataset"):
        info.dataset = _renamed("AssetLineageInfo", "dataset", "asset")


def _secrets(module: ModuleType) -> None:
    backend: Any = module.BaseSecretsBackend  # type: ignore[attr-defined]
    if not hasattr(backend, "get_conn_uri"):
        backend.get_conn_uri = _renamed("BaseSecretsBackend", "get_conn_uri", "get_conn_value")
    if not hasattr(backend, "get_connections"):
        backend.get_connections = _listed


def _renamed(owner: str, old: str, new: str) -> property:
    def look(self: Any) -> Any:
        uses.record(code="attribute", message=f"{owner}.{old} is Airflow 2's", hint=f"{owner}.{new}")
        return getattr(self, new)

    return property(look)


def _listed(self: Any, conn_id: str) -> list[Any]:
    hint = "BaseSecretsBackend.get_connection"
    uses.record(code="attribute", message="BaseSecretsBackend.get_connections is Airflow 2's", hint=hint)
    found = self.get_connection(conn_id)
    return [] if found is None else [found]


def _events(module: ModuleType) -> None:
    """`inlet_events["uri"]`, `outlet_events["uri"]`: a text stands for the asset of that name or uri."""
    inlets: Any = module.InletEventsAccessors  # type: ignore[attr-defined]
    outlets: Any = module.OutletEventAccessors  # type: ignore[attr-defined]
    by_inlet, by_outlet = inlets.__getitem__, outlets.__getitem__

    @functools.wraps(by_inlet)
    def inlet(self: Any, key: Any) -> Any:
        return by_inlet(self, _named(self._assets.values(), key) if isinstance(key, str) else key)

    @functools.wraps(by_outlet)
    def outlet(self: Any, key: Any) -> Any:
        if isinstance(key, str):
            from airflow.sdk import Asset

            key = Asset(key)
        return by_outlet(self, key)

    inlets.__getitem__, outlets.__getitem__ = inlet, outlet


def _named(assets: Any, key: str) -> Any:
    for asset in assets:
        if key in (asset.name, asset.uri):
            return asset
    raise KeyError(key)
