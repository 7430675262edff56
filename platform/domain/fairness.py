"""Whose turn it is: deficit round robin over tenants that wait for the same workers.

Called by whatever serves several tenants from one pool of capacity (claims, parse workers). A tenant that is
passed over earns credit and comes first sooner, so no flood of one tenant holds another up for long; one that
already has much running waits longer. Source: Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit
Round-Robin" (1995).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Turn(Generic[K]):
    """`tenant` may be given up to `allowance` pieces of work (at least 1) before the next turn."""

    tenant: K
    allowance: int


def order_tenants(
    *,
    waiting: Mapping[K, int],
    active: Mapping[K, int],
    weights: Mapping[K, float],
    quantum: int,
    credits: Mapping[K, float] | None = None,
) -> list[Turn[K]]:
    """One round: every tenant that waits, once, in the order to serve them.

    First comes who has the least running for its weight (default 1.0), credit counted off; equal ones by
    name. `quantum` is what a tenant of weight 1 may take in one turn. `credits` is the answer of
    `credits_after` for the round before. Raises `ValueError` for a quantum below 1 or a weight not above 0.
    """
    if quantum < 1:
        raise ValueError(f"a quantum of {quantum} serves nobody; pass 1 or more")
    earned = credits or {}

    def weight_of(tenant: K) -> float:
        weight = weights.get(tenant, 1.0)
        if weight <= 0:
            raise ValueError(f"tenant {tenant} has weight {weight}; pass a number above 0")
        return weight

    queue = [tenant for tenant, count in waiting.items() if count > 0]
    queue.sort(key=lambda t: ((active.get(t, 0) - earned.get(t, 0.0)) / weight_of(t), str(t)))
    return [
        Turn(t, max(1, min(waiting[t], int(quantum * weight_of(t) + max(earned.get(t, 0.0), 0.0)))))
        for t in queue
    ]


def credits_after(
    *,
    waiting: Mapping[K, int],
    served: Mapping[K, int],
    weights: Mapping[K, float],
    quantum: int,
    credits: Mapping[K, float] | None = None,
) -> dict[K, float]:
    """What every waiting tenant has earned after a round in which `served` pieces were handed out.

    A tenant earns `quantum` times its weight per round and pays 1 per piece. Who no longer waits keeps
    nothing: credit cannot be saved up by asking for nothing.
    """
    earned = credits or {}
    after: dict[K, float] = {}
    for tenant, count in waiting.items():
        if count - served.get(tenant, 0) > 0:
            income = quantum * weights.get(tenant, 1.0)
            after[tenant] = earned.get(tenant, 0.0) + income - served.get(tenant, 0)
    return after
