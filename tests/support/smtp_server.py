"""A real SMTP server on a free port of the loopback: takes every mail and keeps it."""

from __future__ import annotations

import base64
import email
import socketserver
import threading
from dataclasses import dataclass, field
from email.message import Message
from email.policy import default


@dataclass
class Taken:
    """One mail as it came in."""

    sender: str
    recipients: list[str]
    message: Message
    user: str | None

    def html(self) -> str:
        """The body, decoded."""
        part = next(part for part in self.message.walk() if part.get_content_type() == "text/html")
        return str(part.get_content())  # type: ignore[attr-defined]


@dataclass
class SmtpServer:
    """Use as a context manager. `refuses`: a reply to every RCPT instead of 250."""

    refuses: str | None = None
    mails: list[Taken] = field(default_factory=list)
    sessions: int = 0
    port: int = 0

    def __enter__(self) -> SmtpServer:
        mine = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _session(self, mine)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _session(handler: socketserver.StreamRequestHandler, server: SmtpServer) -> None:
    server.sessions += 1
    sender, recipients, user = "", [], None

    def say(text: str) -> None:
        handler.wfile.write(f"{text}\r\n".encode())

    say("220 test ESMTP")
    for raw in handler.rfile:
        line = raw.decode().rstrip("\r\n")
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            say("250-test")
            say("250 AUTH PLAIN")
        elif verb == "AUTH":
            user = base64.b64decode(line.split(" ")[2]).split(b"\0")[1].decode()
            say("235 ok")
        elif verb == "MAIL":
            sender = line.split("<")[1].split(">")[0]
            say("250 ok")
        elif verb == "RCPT":
            recipients.append(line.split("<")[1].split(">")[0])
            say(server.refuses or "250 ok")
        elif verb == "DATA":
            say("354 go on")
            lines = []
            for data in handler.rfile:
                if data == b".\r\n":
                    break
                lines.append(data[1:] if data.startswith(b"..") else data)
            message = email.message_from_bytes(b"".join(lines), policy=default)
            server.mails.append(Taken(sender, recipients, message, user))
            sender, recipients = "", []
            say("250 taken")
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say("250 ok")
