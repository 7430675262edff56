"""A cron expression in English, as Airflow's UI shows it."""

from __future__ import annotations


def describe_cron(*, expression: str) -> str:
    """`0 0 * * *` -> `At 00:00`; both kinds of day are told as "or"; empty when it cannot be told."""
    from cron_descriptor import FormatException, MissingFieldException
    from croniter import CroniterBadCronError, croniter

    try:
        if len(croniter(expression).expanded) > 5:
            return ""
        fields = expression.split()
        if len(fields) < 5 or fields[2] == "*" or fields[4] == "*":
            return _describe(expression)
        by_day = " ".join([*fields[:4], "*", *fields[5:]])
        by_weekday = " ".join([*fields[:2], "*", *fields[3:]])
        return f"{_describe(by_day)} (or) {_describe(by_weekday)}"
    except (CroniterBadCronError, FormatException, MissingFieldException):
        return ""


def _describe(expression: str) -> str:
    from cron_descriptor import CasingTypeEnum, ExpressionDescriptor

    descriptor = ExpressionDescriptor(
        expression, casing_type=CasingTypeEnum.Sentence, use_24hour_time_format=True
    )
    return str(descriptor.get_description())
