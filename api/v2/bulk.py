"""Bulk requests as Airflow takes and answers them: a list of actions, and per kind of action what came of it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BulkCreate(_Strict, Generic[T]):
    action: Literal["create"]
    entities: list[T]
    action_on_existence: Literal["fail", "skip", "overwrite"] = "fail"


class BulkUpdate(_Strict, Generic[T]):
    action: Literal["update"]
    entities: list[T]
    update_mask: list[str] | None = None
    action_on_non_existence: Literal["fail", "skip"] = "fail"


class BulkDelete(_Strict, Generic[T]):
    action: Literal["delete"]
    entities: list[str | T]
    action_on_non_existence: Literal["fail", "skip"] = "fail"


class BulkBody(_Strict, Generic[T]):
    """`actions` are done in their order, each as a whole or not at all where it says `fail`."""

    actions: list[Annotated[BulkCreate[T] | BulkUpdate[T] | BulkDelete[T], Field(discriminator="action")]]


class Results:
    """What came of the actions of one kind."""

    def __init__(self) -> None:
        self.success: list[str] = []
        self.errors: list[dict[str, Any]] = []

    def fail(self, status: int, error: Any) -> None:
        self.errors.append({"error": str(error), "status_code": status})

    def answer(self) -> dict[str, Any]:
        return {"success": self.success, "errors": self.errors}


def missing_or_all(
    wanted: Iterable[str],
    held: Container[str],
    action: BulkUpdate[Any] | BulkDelete[Any],
    results: Results,
    told: str,
) -> bool:
    """Whether the action goes on: everything it names is there, or what is not may be skipped. `told` has a `{}`
    for the names that are missing."""
    missing = {name for name in wanted if name not in held}
    if missing and action.action_on_non_existence == "fail":
        results.fail(404, told.format(missing))
        return False
    return True


class Outcome:
    """The answer to a bulk request; kinds that were not asked for are null."""

    def __init__(self) -> None:
        self._kinds: dict[str, Results] = {}

    def of(self, action: str) -> Results:
        return self._kinds.setdefault(action, Results())

    def answer(self) -> dict[str, Any]:
        return {
            kind: self._kinds[kind].answer() if kind in self._kinds else None
            for kind in ("create", "update", "delete")
        }
