"""A mail server of its own process thread (aiosmtpd), and the settings that lead there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from tenants.mail.send import Sent, send_due_mails


class MailServer:
    """`mails` in the order in which they came. `refuses`: an answer to every recipient instead of taking it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses: str | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 OK"

    def deliver(self) -> Sent:
        """As the service that sends does it, once."""
        return send_due_mails(now=utc_now())

    def last(self, to: str) -> EmailMessage:
        return [mail for mail in self.mails if mail["To"] == to][-1]

    def token(self, to: str) -> str:
        """The secret of the link in the last mail to this address."""
        found = re.search(r"#token=(\S+)", str(self.last(to).get_content()))
        assert found is not None
        return found[1]


@pytest.fixture
def mail_server(database: None) -> Iterator[MailServer]:
    """Mails are set up, and go here."""
    server = MailServer()
    server.controller.start()
    options = {"host": "127.0.0.1", "port": server.port, "timeout": 5}
    with override_settings(SMTP_URL=f"smtp://127.0.0.1:{server.port}", SMTP_OPTIONS=options):
        yield server
    server.controller.stop()
