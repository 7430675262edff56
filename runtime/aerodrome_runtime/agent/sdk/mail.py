"""`AerodromeSendMail`: a task or callback without a network sends a mail (no message of Airflow's SDK)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aerodrome_runtime.agent.mail import PER_ATTEMPT, Mail, MailRefused, Server
from aerodrome_runtime.agent.sdk.answers import OK, Body
from aerodrome_runtime.agent.sdk.client import ApiRefused

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def send(asking: Asking, message: dict[str, Any]) -> Body:
    """Through the connection that the message names, as this attempt may read it. Raises MailRefused."""
    if asking.relay is None:
        raise MailRefused("this agent relays no mail")
    asking.mails.append(str(message["sender"]))
    if len(asking.mails) > PER_ATTEMPT:
        raise MailRefused(f"an attempt may send {PER_ATTEMPT} mails")
    mail = Mail(
        sender=str(message["sender"]),
        recipients=[str(one) for one in message["recipients"]],
        data=str(message["data"]).encode(errors="surrogateescape"),
    )
    conn_id = str(message["conn_id"])
    try:
        found = (await asking.client.get(f"connections/{quote(conn_id, safe='')}")).json()
    except ApiRefused as error:
        raise MailRefused(f"the connection {conn_id!r} cannot be read: {error.message}") from error
    asking.mask.add(found.get("password"))
    asking.mask.add(found.get("extra"))
    await asking.relay.send(mail=mail, server=Server.of(found))
    return OK
