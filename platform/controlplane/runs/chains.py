"""Chains of runs that start each other, and the end of those that come back to themselves too often.

A task may start a run of its own DAG, or of one that leads back to it: that is a way to go on for ever, and allowed
as in Airflow. Started without a pause it would fill the tenant's tables and its share of the platform, so a DAG
that is in its own chain is started by tasks at most `MOST_RETURNS` times in `WINDOW`. A DAG that starts a
thousand runs of others is no such chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.dag_run import DagRun

MOST_RETURNS = 100
WINDOW = timedelta(minutes=10)
MOST_REMEMBERED = 64
"""DAGs of a chain that are kept: the ones nearest to its end."""


class ChainReturns(ValueError):
    """The DAG starts itself, by way of others or directly, more often than is allowed; the message says how."""


def check_chain(*, caller_dag_id: str, caller_run_id: str, dag_id: str, now: datetime) -> list[str]:
    """The chain that a run of `dag_id` would be the end of: DAG ids, the first one first, each once.

    Inside the tenant's scope. Raises `ChainReturns`.
    """
    rows = execute("ledger/sql/get_chain.sql", dag_id=caller_dag_id, run_id=caller_run_id)
    before: list[str] = rows[0][0] if rows else []
    chain = [*(each for each in before if each != caller_dag_id), caller_dag_id][-MOST_REMEMBERED:]
    if dag_id in chain:
        found = execute("ledger/sql/count_returns.sql", dag_id=dag_id, since=now - WINDOW, most=MOST_RETURNS)
        if found[0][0] >= MOST_RETURNS:
            raise ChainReturns(_words(chain, dag_id))
    return chain


def check_again(*, caller_dag_id: str, caller_run_id: str, run: DagRun, now: datetime) -> list[str]:
    """The same for a run that a task lets begin anew: in its own chain it may do so `MOST_RETURNS` times in all."""
    chain = check_chain(caller_dag_id=caller_dag_id, caller_run_id=caller_run_id, dag_id=run.dag_id, now=now)
    if run.dag_id in chain and run.clear_number >= MOST_RETURNS:
        way = " -> ".join([*chain[chain.index(run.dag_id) :], run.dag_id])
        raise ChainReturns(
            f"Run '{run.run_id}' of Dag '{run.dag_id}' lets itself begin anew in a loop ({way}): it did so "
            f"{run.clear_number} times. Break the loop, or start a new run each time"
        )
    return chain


def remember_chain(
    *, dag_id: str, run_id: str, chain: Sequence[str], request_key: UUID | None = None
) -> None:
    """Let the new run know its chain and the request it came by, in the transaction that made it."""
    execute(
        "ledger/sql/put_chain.sql", dag_id=dag_id, run_id=run_id, chain=list(chain), request_key=request_key
    )


def is_repeated(*, dag_id: str, run_id: str, request_key: UUID | None) -> bool:
    """Whether this very request made the run, or cleared it: its answer was lost, and it is asked again."""
    if request_key is None:
        return False
    return DagRun.objects.filter(dag_id=dag_id, run_id=run_id, request_key=request_key).exists()


def _words(chain: list[str], dag_id: str) -> str:
    way = " -> ".join([*chain[chain.index(dag_id) :], dag_id])
    minutes = int(WINDOW.total_seconds() // 60)
    return (
        f"Dag '{dag_id}' starts itself in a loop ({way}): tasks started {MOST_RETURNS} runs of it within "
        f"{minutes} minutes. Break the loop, or let it pause: a schedule does not count"
    )
