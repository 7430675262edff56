"""What can be set from outside about accounts: mails, passwords, single sign-on, the end of a tenant."""

from __future__ import annotations

from launcher.variable import Variable

ACCOUNT_VARIABLES = (
    Variable(
        "AERODROME_SMTP_URL",
        "none: no mails about accounts are sent",
        "The mail server: `smtp://host`, `smtp+starttls://user:password@host` or `smtps://user:password@host`. "
        "With it, addresses are verified and passwords are reset by mail.",
        "control plane",
    ),
    Variable(
        "AERODROME_MAIL_FROM",
        "`aerodrome@localhost`",
        "The sender of mails about accounts.",
        "control plane",
    ),
    Variable(
        "AERODROME_PASSWORD_LENGTH",
        "`10`",
        "How many characters a new password has at least; not fewer than 8.",
        "control plane",
    ),
    Variable(
        "AERODROME_SIGN_UP",
        "`open`",
        "Who may make an account: everybody (`open`), or only whom a member invites (`invited`).",
        "control plane",
    ),
    Variable(
        "AERODROME_SSO_NETWORKS",
        "none: the Internet's own addresses only",
        "Networks such as `10.0.0.0/8,192.168.7.0/24` in which identity providers of organisations may be.",
        "control plane",
    ),
    Variable(
        "AERODROME_DELETION_GRACE_DAYS",
        "`14`",
        "For how many days the deletion of a tenant can be undone.",
        "control plane",
    ),
)
