"""`Since`: a moment in the past on the command line: `30m`, `2h`, `7d`, or a date such as 2026-03-01."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Since(click.ParamType[datetime]):
    """An aware moment; UTC where none is said."""

    name = "when"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if match := re.fullmatch(r"([0-9]{1,6})([smhdw])", value):
                return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time span such as 30m, 2h, 7d, or a date such as 2026-03-01", param, ctx)


SINCE: Final = Since()
