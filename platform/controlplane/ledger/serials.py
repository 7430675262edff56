"""Small integers for the ids that Airflow's clients expect to be integers."""

from __future__ import annotations

from controlplane.foundation import db


def next_serial(name: str, *, using: str = "default") -> int:
    """The next number for the table `name` of the tenant in scope: 1, 2, 3, … without a gap that commits."""
    return int(db.execute("ledger/sql/next_serial.sql", using=using, name=name)[0][0])
