"""The forms that channels want: Slack's blocks, Teams' card, PagerDuty's event, a webhook's document, a mail.

Sources: Slack "Block Kit" (a section's text holds 3,000 characters, `&<>` are written as entities); Microsoft Teams
"Adaptive Cards" posted to a workflow's URL; PagerDuty "Events API v2" (a summary holds 1,024 characters; events with one
`dedup_key` are one incident); Standard Webhooks (type, timestamp, data).
"""

from __future__ import annotations

from typing import Any, Final

from domain.alerting.message import Message

_SLACK_TEXT: Final = 2900
_SUMMARY: Final = 1024


def slack(message: Message) -> dict[str, Any]:
    """The body for an incoming webhook. Nothing in it can call people: `<!channel>` arrives as text."""
    lines = [
        f"• <{item.log_url}|{_escape(item.line())}>" if item.log_url else f"• {_escape(item.line())}"
        for item in message.shown
    ]
    fields = [f"*{name}*\n{_escape(value)}" for name, value in _facts(message)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.title[:150]}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in fields]},
    ]
    blocks += [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in _chunks(lines)]
    links = [f"<{message.url}|Open the {_thing(message)}>"]
    if message.runbook:
        links.append(f"<{message.runbook}|Runbook>")
    if message.left_out:
        links.append(f"and {message.left_out} more")
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(links)}]})
    return {"text": _escape(f"[{message.severity}] {message.title}"), "blocks": blocks}


def teams(message: Message) -> dict[str, Any]:
    """The body for a workflow that posts cards."""
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "text": _plain(message.title),
            "weight": "Bolder",
            "size": "Medium",
            "wrap": True,
            "color": "Attention" if message.severity == "page" and message.event != "resolved" else "Default",
        },
        {"type": "FactSet", "facts": [{"title": n, "value": _plain(v)} for n, v in _facts(message)]},
    ]
    for item in message.shown:
        text = f"[{_plain(item.line())}]({item.log_url})" if item.log_url else _plain(item.line())
        body.append({"type": "TextBlock", "text": text, "wrap": True, "spacing": "Small"})
    if message.left_out:
        body.append({"type": "TextBlock", "text": f"and {message.left_out} more", "isSubtle": True})
    actions = [{"type": "Action.OpenUrl", "title": f"Open the {_thing(message)}", "url": message.url}]
    if message.runbook:
        actions.append({"type": "Action.OpenUrl", "title": "Runbook", "url": message.runbook})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def pagerduty(message: Message, *, routing_key: str) -> dict[str, Any]:
    """The body for `/v2/enqueue`. An alert is one incident: repeats join it, its end resolves it."""
    links = [{"href": message.url, "text": "Alert"}]
    if message.runbook:
        links.append({"href": message.runbook, "text": "Runbook"})
    links += [
        {"href": item.log_url, "text": f"Log of {item.line()}"} for item in message.shown if item.log_url
    ]
    return {
        "routing_key": routing_key,
        "event_action": "resolve" if message.event == "resolved" else "trigger",
        "dedup_key": message.id,
        "payload": {
            "summary": message.title[:_SUMMARY],
            "source": message.tenant,
            "severity": "critical" if message.severity == "page" else "warning",
            "component": message.items[-1].dag_id if message.items else None,
            "group": message.owner,
            "class": message.kind,
            "custom_details": {
                **dict(_facts(message)),
                "Occurrences": [item.line() for item in message.shown],
            },
        },
        "links": links,
        "client": "Aerodrome",
        "client_url": message.url,
    }


def webhook(message: Message, *, at: str) -> dict[str, Any]:
    """Our own document; `at` is when the notification was made, the same in every try."""
    if message.is_report:
        return _report(message, at)
    return {
        "type": f"alert.{message.event}",
        "timestamp": at,
        "data": {
            "id": message.id,
            "title": message.title,
            "kind": message.kind,
            "severity": message.severity,
            "tenant": message.tenant,
            "rule": message.rule,
            "owner": message.owner,
            "cause": message.cause,
            "occurrences": message.occurrences,
            "url": message.url,
            "runbook": message.runbook,
            "items": [
                {
                    "at": item.at,
                    "dag_id": item.dag_id,
                    "run_id": item.run_id,
                    "task_id": item.task_id,
                    "map_index": item.map_index,
                    "try_number": item.try_number,
                    "what": item.what,
                    "log_url": item.log_url,
                }
                for item in message.shown
            ],
        },
    }


def email(message: Message) -> tuple[str, str]:
    """Subject (one line) and text."""
    subject = " ".join(f"[{message.tenant}] [{message.severity}] {message.title}".split())[:200]
    lines = [message.title, "", *(f"{name}: {value}" for name, value in _facts(message)), ""]
    for item in message.shown:
        lines.append(f"- {item.line()}")
        if item.log_url:
            lines.append(f"  log: {item.log_url}")
    if message.left_out:
        lines.append(f"and {message.left_out} more")
    lines += ["", f"{_thing(message).capitalize()}: {message.url}"]
    if message.runbook:
        lines.append(f"Runbook: {message.runbook}")
    return subject, "\n".join(lines) + "\n"


def _report(message: Message, at: str) -> dict[str, Any]:
    return {
        "type": "report.made",
        "timestamp": at,
        "data": {
            "id": message.id,
            "name": message.rule,
            "tenant": message.tenant,
            "asked_by": message.owner,
            "url": message.url,
            "lines": [item.line() for item in message.shown],
            **(message.figures or {}),
        },
    }


def _thing(message: Message) -> str:
    return "report" if message.is_report else "alert"


def _facts(message: Message) -> list[tuple[str, str]]:
    if message.is_report:
        return [("Tenant", message.tenant), ("Period", message.cause), ("Asked for by", message.owner)]
    facts = [
        ("Severity", message.severity),
        ("Owner", message.owner),
        ("Cause", message.cause),
        ("Rule", message.rule),
        ("Tenant", message.tenant),
    ]
    return [(name, value) for name, value in facts if value]


def _chunks(lines: list[str]) -> list[str]:
    out: list[str] = []
    for line in lines:
        line = line[:_SLACK_TEXT]
        if out and len(out[-1]) + len(line) < _SLACK_TEXT:
            out[-1] += f"\n{line}"
        else:
            out.append(line)
    return out


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    """Text that a card's Markdown leaves alone."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]()<>#|~" else letter for letter in text)
