"""A connection asks for the password again when the server refuses the one it knows.

Connections that are open stay open when a role's password changes; only new ones need the new one. The file named by
`PASSWORD_FILE` in the alias's settings is read when a connection cannot be made, never otherwise: nothing is added to
what a connection does. Who rotates writes the file first and changes the role next, so both passwords are tried until
the server takes one. Decision: docs/adr/0025; how to rotate: docs/runbooks/rotate-credentials.md.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base

WAIT_SECONDS = 5.0
"""How long a refused password is tried again: a file may be there a moment before the role is changed, or after."""
_PAUSE_SECONDS = 0.1
_REFUSED = "password authentication failed"
"""libpq gives no SQLSTATE for a connection that was not made, only the server's words (of 28P01)."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Named as Django wants it."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection of the driver's. Raises the driver's error about the password that was known."""
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError as error:
            refused = _REFUSED in str(error)
            if not self.settings_dict.get("PASSWORD_FILE"):
                raise
            if not refused and self._password_on_file() == conn_params.get("password", ""):
                raise  # a server that is away is not asked twice
            until = time.monotonic() + WAIT_SECONDS
            while (made := self._with_password_on_file(conn_params)) is None:
                if not refused or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_SECONDS)
            return made

    def _with_password_on_file(self, conn_params: dict[str, Any]) -> Any | None:
        """A connection with the password that the file holds now, or with the known one; None when both are refused."""
        known = conn_params.get("password", "")
        for password in dict.fromkeys((self._password_on_file(), known)):
            try:
                made = super().get_new_connection({**conn_params, "password": password})
            except self.Database.OperationalError:
                continue
            self.settings_dict["PASSWORD"] = password
            return made
        return None

    def _password_on_file(self) -> str:
        try:
            return Path(self.settings_dict["PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
        except OSError:
            return str(self.settings_dict["PASSWORD"])
