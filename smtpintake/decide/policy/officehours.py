"""`office_hours` of an inbox's automatic answers: when somebody is there."""

import re
from datetime import date, datetime
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from smtpintake.decide.fields import Timezone
from smtpintake.decide.policy.section import Section

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "(?:mon|tue|wed|thu|fri|sat|sun)"
_TIME: Final = "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
_HOURS: Final = re.compile(f"{_DAY}(?:-{_DAY})? {_TIME}-{_TIME}")


def _as_hours(text: str) -> str:
    opens, closes = text[-11:-6], text[-5:]
    if not _HOURS.fullmatch(text) or opens >= closes:
        raise ValueError(f"{text!r}: write 'mon-fri 09:00-17:30' or 'sat 20:00-24:00', from the earlier to the later")
    return text


class OfficeHours(Section):
    """When somebody is there. Without `open` that is always."""

    open: tuple[Annotated[str, AfterValidator(_as_hours)], ...] = ()
    """Such as `["mon-fri 09:00-17:30", "sat 10:00-12:00"]`."""
    timezone: Timezone = "UTC"
    """Where these are: a name of the IANA database, such as `Europe/Berlin`."""
    holidays: tuple[date, ...] = ()
    """Days on which nobody is there, such as `["2026-12-25"]`."""
    text: Annotated[str, Field(max_length=1000)] = ""
    """What answers say while nobody is there."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if bool(self.open) != bool(self.text):
            raise ValueError("open and text go together: give both or neither")
        return self

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody is there at that moment, an aware one."""
        if not self.open:
            return True
        local = moment.astimezone(ZoneInfo(self.timezone))
        return local.date() not in self.holidays and any(_holds(hours, local) for hours in self.open)


def _holds(hours: str, local: datetime) -> bool:
    days, times = hours.split(" ")
    first, _, last = days.partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    # `fri-mon` goes over the end of the week.
    on_day = (local.weekday() - begin) % 7 <= (end - begin) % 7
    opens, _, closes = times.partition("-")
    return on_day and opens <= f"{local:%H:%M}" < closes
