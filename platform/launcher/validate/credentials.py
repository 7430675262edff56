"""Credentials written into a bundle's files, found by detect-secrets. Nothing is sent anywhere to be verified.

What is found is told by its kind and its line, never by itself. `# pragma: allowlist secret` at the end of a line
says that it is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from launcher.validate.problems import Level, Problem

_SURE = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "CloudantDetector", "DiscordBotTokenDetector",
    "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector",
    "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector",
    "SendGridDetector", "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
_GUESSES = ("BasicAuthDetector", "KeywordDetector")
"""These look at names and shapes: what they find is a warning."""

_FILTERS = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_indirect_reference",
    "detect_secrets.filters.heuristic.is_likely_id_string",
    "detect_secrets.filters.heuristic.is_not_alphanumeric_string",
    "detect_secrets.filters.heuristic.is_potential_uuid",
    "detect_secrets.filters.heuristic.is_prefixed_with_dollar_sign",
    "detect_secrets.filters.heuristic.is_sequential_string",
    "detect_secrets.filters.heuristic.is_templated_secret",
)
_GUESSED_TYPES = {"Basic Auth Credentials", "Secret Keyword"}
_MOST_BYTES = 1_000_000
_NOT_TEXT = {".zip", ".png", ".jpg", ".jpeg", ".gif", ".parquet", ".gz", ".whl", ".pkl", ".so"}


def hard_coded(*, bundle: Path, files: Iterable[str], level: Level) -> Iterator[Problem]:
    """One problem per line with something that looks like a credential."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import transient_settings

    with transient_settings(
        {
            "plugins_used": [{"name": name} for name in (*_SURE, *_GUESSES)],
            "filters_used": [{"path": path} for path in _FILTERS],
        }
    ):
        for path in files:
            place = bundle / path
            if place.suffix.lower() in _NOT_TEXT or place.stat().st_size > _MOST_BYTES:
                continue
            told = {(each.line_number, each.type) for each in scan_file(str(place))}
            for line, kind in sorted(told):
                is_guess = kind in _GUESSED_TYPES
                yield Problem(
                    "warning" if is_guess else level, "AERO-CREDENTIAL", path, line,
                    f"this looks like a credential: {kind}",
                    "keep it in a connection or a variable; # pragma: allowlist secret when it is none",
                )  # fmt: skip
