"""docs/reference/limits.md, written from the published list: `python -m tenants.limits.page > docs/reference/limits.md`.

`tests/unit/test_limits.py` fails when the page and the list differ.
"""

from __future__ import annotations

import sys

from tenants.limits.published import LIMITS, PRICES

_HEAD = """\
# Limits

<!-- Made from the published list by `python -m tenants.limits.page`. Change it there. -->

What holds for a tenant is its override, or else its plan's limit, and no more than what it set for itself. What is not
set is no limit. `GET /api/portal/v1/tenants/<tenant>/limits` shows what holds, whose it is, and how much is used.
A change counts from the next admission, push or request, in any process; API limits within five seconds.

| limit | unit | what is bounded | enforced by | who is refused hears | the tenant may set a smaller one |
|---|---|---|---|---|---|
"""

_PRICES = """
## Prices

Millionths of the plan's currency. What a tenant pays is computed from sums in whole microseconds, rounded once.

| price | of |
|---|---|
"""


def page() -> str:
    """The page."""
    limits = "".join(
        f"| `{limit.name}` | {limit.unit} | {limit.meaning} | {limit.enforced} | {limit.hears} | "
        f"{'yes' if limit.own else 'no'} |\n"
        for limit in LIMITS
    )
    prices = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in PRICES.items())
    return _HEAD + limits + _PRICES + prices


if __name__ == "__main__":
    sys.stdout.write(page())
