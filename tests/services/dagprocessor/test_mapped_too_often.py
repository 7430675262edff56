"""A file that maps a task more often than a run can hold is refused with its reason."""

from __future__ import annotations

import msgspec
import pytest

from controlplane.dagprocessor.acceptable import DagInvalid, canonical_spec
from domain.readings import MOST_INSTANCES
from taskwire.dagspec import DagSpec
from tests.support import specs


@pytest.mark.parametrize(("length", "is_refused"), [(MOST_INSTANCES, False), (MOST_INSTANCES + 1, True)])
def test_at_most_so_many(length: int, is_refused: bool) -> None:
    task = specs.task("each", is_mapped=True, expand={"kind": "literal", "length": length})
    spec = msgspec.convert(specs.dag("many", [task]), DagSpec)
    if is_refused:
        with pytest.raises(DagInvalid, match=f"'each' is mapped {length} times"):
            canonical_spec(spec)
    else:
        assert canonical_spec(spec)
