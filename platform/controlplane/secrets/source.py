"""Where connections and variables may come from besides the ledger: a tenant's own secret stores.

Bodies: `vault.py` (KV version 2), `aws.py` (Secrets Manager, Parameter Store), `google.py` (Secret Manager), `azure.py`
(Key Vault). A source is asked outside of any transaction, by `bounded.py`, which holds it to its time. Absent is an
answer; everything else that is not a value is a `SourceFailed`: the chain ends there, and nothing weaker is asked instead.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

Kind = Literal["connection", "variable"]

MOST_BYTES = 1024 * 1024
"""The longest answer of a store that is read."""


class SourceFailed(Exception):
    """A secret store gave neither a value nor "absent". The message names the store and the mend, never a value."""

    code = "secret-store-failed"
    title = "The secret store failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.source = ""
        """The store's name in the tenant's chain, once the chain knows."""


class SourceSealed(SourceFailed):
    """It runs, but somebody has to unseal it."""

    code, title = "secret-store-sealed", "The secret store is sealed"


class SourceDenied(SourceFailed):
    """It refuses our credentials, or they do not reach this secret. Never the same as absent."""

    code, title = "secret-store-denied", "The secret store refuses the credentials"


class SourceSlow(SourceFailed):
    """No whole answer within the bound."""

    code, title = "secret-store-slow", "The secret store is too slow"


class SourceUnreachable(SourceFailed):
    """Nobody answers at its address, or nobody may be asked there."""

    code, title = "secret-store-unreachable", "The secret store cannot be reached"


class SourceFaulty(SourceFailed):
    """It answers what makes no sense: 5xx, a redirect, another engine."""

    code, title = "secret-store-faulty", "The secret store is out of order"


class SourceBusy(SourceFailed):
    """Too many of this tenant's questions wait for it already, or it asks for less of them."""

    code, title = "secret-store-busy", "The secret store is busy"


class SecretMalformed(SourceFailed):
    """The secret is there, and is neither of the shapes of a connection or variable."""

    code, title = "secret-malformed", "The secret has another shape"


class SecretSource(Protocol):
    """Safe to share between threads. `read` and `abort` may take as long as the network: see `bounded.py`."""

    def load(self) -> None:
        """Import what reading needs: some vendors' libraries take longer than a question may. No network."""

    def read(self, *, kind: Kind, name: str) -> Any:
        """A variable's text, a connection as `connection_shape` gives it, or None when there is none.

        Raises SourceFailed.
        """

    def abort(self) -> None:
        """Whoever reads now fails at once. Called from another thread when the time is over."""


def is_path(name: str) -> bool:
    """Whether a name can be a path below a prefix: no step of it leads elsewhere. Others are absent from stores."""
    steps = name.split("/")
    return bool(name) and all(step not in ("", ".", "..") for step in steps) and name.isprintable()
