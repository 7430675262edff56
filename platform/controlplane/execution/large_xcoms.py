"""How large an XCom may be, and where the large ones are: the row keeps a reference, an object store the value.

Before: inside the tenant's scope. An object is written before the row that names it and is never changed. When the
row goes, is overwritten or was never committed, `sweep` takes the object away: nothing else deletes one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.execution.object_contract import ObjectStore
from controlplane.execution.object_files import ObjectFiles
from controlplane.execution.storable import NotStorable, json_text
from controlplane.foundation.db import execute
from controlplane.ledger.transitions import XComWrite
from domain.ids import uuid7
from tenants.scope import current_tenant, tenant_scope

BRANCHES = "skipmixin_key"
"""What a branch chose: the scheduler's statements read it, so it stays in its row."""
UNCLAIMED = timedelta(hours=1)
"""How long an object may wait for its row: no transaction lives that long."""
SWEEP_KEYS = 1000
LEAST_ANSWER = 256 * 1024 * 1024
"""How much of large values one answer may hold, at least."""


class XComTooLarge(NotStorable):
    """The value is larger than this installation takes."""


class AnswerTooLarge(ValueError):
    """So many large values at once are not answered."""


def check_size(*, key: str, text: str) -> int:
    """Bytes of this JSON text. Raises XComTooLarge, with what to do about it."""
    if len(text) * 4 <= min(settings.XCOM_INLINE_BYTES, settings.XCOM_MAX_BYTES):
        return len(text)  # not the bytes, but surely small: most are, and are not encoded for this
    size = len(text.encode())
    refuses = settings.XCOM_OVER_INLINE == "refuse" or key == BRANCHES
    most = min(settings.XCOM_INLINE_BYTES, settings.XCOM_MAX_BYTES) if refuses else settings.XCOM_MAX_BYTES
    if size > most:
        name = "AERODROME_XCOM_INLINE_BYTES" if refuses else "AERODROME_XCOM_MAX_BYTES"
        raise XComTooLarge(
            f"the XCom {key[:100]!r} has {_megabytes(size)}, and at most {_megabytes(most)} are taken ({name}). "
            "Write the data to object storage or a table, and push where it is"
        )
    return size


def place(*, key: str, text: str, tenant_id: UUID) -> tuple[str | None, str | None]:
    """(value, kept_as) of the row: the text itself, or the object it was written to.

    Raises XComTooLarge, NotStorable (the database would refuse it too), ObjectStoreFull."""
    if check_size(key=key, text=text) <= settings.XCOM_INLINE_BYTES:
        return text, None
    kept_as = f"{tenant_id}/{uuid7()}.json"
    _store(settings.STORE_DIR / "xcoms").put(key=kept_as, data=json_text(json.loads(text)).encode())
    return None, kept_as


def placed(writes: Sequence[XComWrite], *, using: str = "default") -> list[XComWrite]:
    """The same writes, with the large values in the object store. See `place`."""
    done = []
    for write in writes:
        if write.value is not None and len(write.value) * 4 > settings.XCOM_INLINE_BYTES:
            tenant = UUID(str(current_tenant(using=using)))
            size = write.size or len(write.value)
            value, kept_as = place(key=write.key, text=write.value, tenant_id=tenant)
            write = replace(write, value=value, kept_as=kept_as, size=size)
        done.append(write)
    return done


def resolved(rows: Iterable[tuple[str | None, str | None]]) -> list[str]:
    """The JSON texts of rows (value, kept_as). Raises ObjectGone, AnswerTooLarge."""
    texts: list[str] = []
    left = max(4 * settings.XCOM_MAX_BYTES, LEAST_ANSWER)
    for value, kept_as in rows:
        text = value if kept_as is None else _read(kept_as)
        left -= len(text) if text and kept_as else 0
        if left < 0:
            raise AnswerTooLarge("these XComs are too large to be read at once: read them one by one")
        texts.append("null" if text is None else text)
    return texts


def value_of(*, value: Any, kept_as: str | None) -> Any:
    """The decoded value of a row. Raises ObjectGone."""
    return value if kept_as is None else json.loads(_read(kept_as))


def sweep(*, now: datetime, using: str) -> int:
    """Delete the objects that no row names and that are too old for one to come; how many. Outside of a scope."""
    store, gone = _store(settings.STORE_DIR / "xcoms"), 0
    old = (key for key in store.each() if _made(key) < now - UNCLAIMED)
    for tenant, keys in groupby(old, key=lambda key: key.partition("/")[0]):
        theirs = list(keys)
        for at in range(0, len(theirs), SWEEP_KEYS):
            some = theirs[at : at + SWEEP_KEYS]
            with tenant_scope(UUID(tenant), using=using):
                named = {row[0] for row in execute("execution/sql/list_kept.sql", using=using, keys=some)}
            for key in some:
                if key not in named:
                    store.delete(key=key)
                    gone += 1
    return gone


def _read(kept_as: str) -> str:
    return _store(settings.STORE_DIR / "xcoms").get(key=kept_as).decode()


def _made(key: str) -> datetime:
    """Its id begins with the milliseconds at which it was made."""
    return datetime.fromtimestamp((UUID(key[37:73]).int >> 80) / 1000, tz=UTC)


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB ({size} bytes)"


@cache
def _store(root: Path) -> ObjectStore:
    return ObjectFiles(root=root)
