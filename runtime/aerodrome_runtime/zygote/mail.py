"""Airflow's SmtpHook in a child that has no network: what it would send goes to the agent, which speaks SMTP for it.

Only the client below the hook is another one; messages, templates, retries and errors are the hook's own. With the
mail relay off, the hook says why no mail can go, instead of a time-out on a network that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from aerodrome_runtime.shim.after_import import when_imported

HOOK = "airflow.providers.smtp.hooks.smtp"
MESSAGE = "AerodromeSendMail"


class MailNotSent(OSError):
    """The agent could not, or may not, send it; the text says why."""


def install() -> None:
    """Once per child, before it gets its work. Imports nothing."""
    when_imported(HOOK, _adapt)


def _adapt(module: ModuleType) -> None:
    hook: Any = module.SmtpHook
    hook._build_client = lambda self: Relayed(conn_id=self.smtp_conn_id)
    hook._abuild_client = _no_async


async def _no_async(self: Any) -> NoReturn:
    raise MailNotSent(
        "no mail from a coroutine: this process has no network, and the agent sends for plain calls only"
    )


class Relayed:
    """As much of `smtplib.SMTP` as the hook uses. The agent signs in by itself."""

    def __init__(self, *, conn_id: str) -> None:
        self._conn_id = conn_id
        self._failed: MailNotSent | None = None

    def sendmail(self, from_addr: str, to_addrs: Any, msg: str | bytes, *_: Any, **__: Any) -> dict[str, Any]:
        # The hook tries again at once, five times: what was refused once is refused.
        if self._failed is not None:
            raise self._failed
        text = msg if isinstance(msg, str) else msg.decode("ascii", "surrogateescape")
        recipients = [to_addrs] if isinstance(to_addrs, str) else list(to_addrs)
        try:
            _send(conn_id=self._conn_id, sender=from_addr, recipients=recipients, data=text)
        except Exception as error:
            self._failed = MailNotSent(_why(error))
            raise self._failed from None
        return {}

    def noop(self) -> tuple[int, bytes]:
        return 250, b"OK"

    def __getattr__(self, name: str) -> Callable[..., tuple[int, bytes]]:
        if name in ("starttls", "ehlo", "login", "auth", "close", "quit"):
            return lambda *_, **__: (250, b"OK")
        raise AttributeError(name)


def _send(**fields: Any) -> None:
    from airflow.sdk.execution_time import task_runner
    from pydantic import BaseModel

    class SendMail(BaseModel):
        type: str = MESSAGE
        conn_id: str
        sender: str
        recipients: list[str]
        data: str

    task_runner.SUPERVISOR_COMMS.send(SendMail(**fields))


def _why(error: Exception) -> str:
    told = getattr(getattr(error, "error", None), "detail", None)
    if isinstance(told, dict) and told.get("message"):
        return str(told["message"]).removeprefix("malformed message: ")
    return str(error)
