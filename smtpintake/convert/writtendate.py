"""The date of a mail as its client wrote it for people: `Mi., 27. Okt. 2021 um 09:31 Uhr` -> a moment.

Contract: pure and linear; the text is short. None where the date can be read in two ways (`02/10/2023`), or has no
time. Clients write the time of their own clock and mostly leave its zone out, so the caller says which that was.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

MAX_DATE: Final = 120

_WORD: Final = r"(?P<month>[^\W\d_]+)\.?"
_DAY: Final = r"(?P<day>[0-9]{1,2})"
_YEAR: Final = r"(?P<year>[0-9]{4})"
_NUMBER: Final = r"(?P<number>[0-9]{1,2})"
_OF: Final = r"(?:de |d['\u2019])?"
_DATES: Final = tuple(
    re.compile(form)
    for form in (
        rf"\b{_DAY}\.?\s+{_OF}{_WORD},?\s+{_OF}{_YEAR}\b",  # 26. Oktober 2021; 27 de out. de 2021
        rf"\b{_WORD}\s+{_DAY},?\s+{_YEAR}\b",  # Oct 27, 2021
        rf"\b{_YEAR}\.?\s+{_WORD}\s+{_DAY}\b",  # 2021. okt. 27.
        rf"\b{_YEAR}\s?[年년./-]\s?{_NUMBER}\s?[月월./-]\s?{_DAY}",  # 2022年9月19日; 2021-10-27
        rf"\b{_DAY}(?P<dot>[./])\s?{_NUMBER}(?P=dot)\s?{_YEAR}\b",  # 27. 10. 2021; 27/10/2021
    )
)
_TIME: Final = re.compile(
    r"(?<![0-9])(?P<hour>[0-9]{1,2})[:.h](?P<minute>[0-5][0-9])(?:[:.](?P<second>[0-5][0-9]))?"
    r"(?:\s?(?P<half>[ap])\.?m\b)?",
    re.IGNORECASE,
)
_OFFSET: Final = re.compile(
    r"(?:\b(?:GMT|UTC)|\s)(?P<sign>[+\u2212-])(?P<hours>[01]?[0-9]):?(?P<minutes>[0-5][0-9])?\b"
)
_ZONE: Final = re.compile(r"\b[A-Z]{3,4}\b")
# Hours east of Greenwich, of the abbreviations that clients write.
_ZONES: Final = {
    **dict.fromkeys(("UTC", "GMT", "WET"), 0),
    **dict.fromkeys(("CET", "MEZ", "BST", "WEST"), 1),
    **dict.fromkeys(("CEST", "MESZ", "EET", "OEZ"), 2),
    **dict.fromkeys(("EEST", "OESZ", "MSK"), 3),
    **dict.fromkeys(("JST", "KST"), 9),
    **dict.fromkeys(("EDT",), -4),
    **dict.fromkeys(("EST", "CDT"), -5),
    **dict.fromkeys(("CST", "MDT"), -6),
    **dict.fromkeys(("MST", "PDT"), -7),
    **dict.fromkeys(("PST",), -8),
}


def moment(text: str, months: Mapping[str, int], clock: tzinfo) -> datetime | None:
    """The moment that `text` says, in UTC. `months` are beginnings of names in lower case; `clock` is the zone of a
    time that names none.
    """
    text = text[:MAX_DATE]
    for form in _DATES:
        date = form.search(text)
        number = _month(date.groupdict(), months) if date else None
        if date is not None and number is not None:
            rest = f"{text[: date.start()]} {text[date.end() :]}"
            return _at(int(date["year"]), number, int(date["day"]), rest, clock)
    return None


def _month(date: Mapping[str, str | None], months: Mapping[str, int]) -> int | None:
    """The month of a date, 1 to 12; None where there is none, or where it may as well be the day."""
    if number := date.get("number"):
        either = date.get("dot") == "/" and int(date["day"] or 0) <= 12
        return None if either else int(number)
    name = (date.get("month") or "").lower()
    fitting = [beginning for beginning in months if name.startswith(beginning)]
    return months[max(fitting, key=len)] if fitting else None


def _at(year: int, month: int, day: int, rest: str, clock: tzinfo) -> datetime | None:
    time = _TIME.search(rest)
    if time is None:
        return None
    hour = int(time["hour"])
    if time["half"]:
        hour = hour % 12 + (12 if time["half"].lower() == "p" else 0)
    try:
        local = datetime(year, month, day, hour, int(time["minute"]), int(time["second"] or 0), tzinfo=clock)
        return local.replace(tzinfo=_zone(rest[time.end() :]) or clock).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February
        return None


def _zone(text: str) -> timezone | None:
    """The zone that stands behind a time."""
    if offset := _OFFSET.search(text):
        east = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(east if offset["sign"] == "+" else -east)
    named = _ZONE.search(text)
    hours = _ZONES.get(named[0]) if named else None
    return None if hours is None else timezone(timedelta(hours=hours))
