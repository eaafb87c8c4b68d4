"""Invitations (iCalendar, RFC 5545, sent by mail as in RFC 6047): what, when, where and from whom, as lines of text.

Contract: total and linear; a calendar that is no message about an event gives nothing. Times are shown as they were
meant, with the zone that the sender named: nothing is converted, as nobody knows whose zone that would be.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

MAX_CALENDAR: Final = 64 << 10  # characters that are read
MAX_DESCRIPTION: Final = 8 << 10
MAX_VALUE: Final = 300  # characters of one that are shown

_FOLD: Final = re.compile(r"\r?\n[ \t]")
_LINE: Final = re.compile(r"([A-Za-z0-9-]{1,40})((?:;[^\":;]*(?:\"[^\"]*\"[^\":;]*)*)*):(.*)", re.DOTALL)
_PARAMETER: Final = re.compile(r";([A-Za-z0-9-]+)=(?:\"([^\"]*)\"|([^;:\"]*))")
_ESCAPED: Final = re.compile(r"\\([\\;,nN])")
_MOMENT: Final = re.compile(r"([0-9]{8})(?:T([0-9]{4})[0-9]{2}(Z?))?")
_DURATION: Final = re.compile(
    r"\+?P(?:([0-9]{1,3})W)?(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,4})H)?(?:([0-9]{1,5})M)?(?:[0-9]+S)?)?"
)
_FREQUENCY: Final = re.compile(r"FREQ=([A-Z]+)")

_COMPONENTS: Final = ("VEVENT", "VTODO")
# RFC 5546 s1.4. A reply says what the attendee made of it.
_METHODS: Final = {
    "REQUEST": "Invitation",
    "PUBLISH": "Event",
    "ADD": "Invitation",
    "CANCEL": "Cancelled",
    "COUNTER": "Other time proposed",
    "DECLINECOUNTER": "Other time declined",
    "REFRESH": "Invitation asked for again",
}
_REPLIES: Final = {
    "ACCEPTED": "Accepted",
    "DECLINED": "Declined",
    "TENTATIVE": "Accepted tentatively",
    "DELEGATED": "Delegated",
}


@dataclass(frozen=True, slots=True)
class _Property:
    parameters: Mapping[str, str]
    value: str


_Properties = dict[str, _Property]
_NOTHING: Final = _Property({}, "")


def described(calendar: str, *, at_length: bool, said: Collection[str] = ()) -> str:
    """The lines that tell of the (first) event in `calendar`; '' where it is about none. `at_length`: with what its
    author wrote about it, which most mails say in their text as well. What it is and where are not told again where one
    of the lines `said` is just that; when is, as most texts leave out the zone.
    """
    method, event = _first_event(calendar)
    heading = _heading(method, event)
    if not heading:
        return ""
    title, place = _text(event, "SUMMARY"), _text(event, "LOCATION")
    lines = [
        ("When", _when(event)),
        ("Repeats", _repeats(event)),
        ("Where", "" if place in said else place),
        ("Organiser", _person(event.get("ORGANIZER", _NOTHING))),
    ]
    if method == "REPLY":
        lines.append(("Attendee", _person(event.get("ATTENDEE", _NOTHING))))
    first = heading if title and title in said else f"{heading}: {title or '(without a title)'}"
    told = "\n".join([first, *(f"{name}: {value}" for name, value in lines if value)])
    about = _unescaped(event.get("DESCRIPTION", _NOTHING).value, "\n").strip()[:MAX_DESCRIPTION] if at_length else ""
    return f"{told}\n\n{about}" if about else told


def _first_event(calendar: str) -> tuple[str, _Properties]:
    """The method of the calendar and the properties of its first event, each the first of its name."""
    method = ""
    event: _Properties = {}
    inside: list[str] = []
    for line in _FOLD.sub("", calendar[:MAX_CALENDAR]).splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match[1].upper(), match[3].strip()
        if name == "BEGIN":
            inside.append(value.upper())
        elif name == "END":
            if inside and inside.pop() in _COMPONENTS:
                break
        elif inside == ["VCALENDAR"] and name == "METHOD":
            method = value.upper()
        elif len(inside) == 2 and inside[1] in _COMPONENTS:
            event.setdefault(name, _Property(_parameters(match[2]), value))
    return method, event


def _parameters(text: str) -> dict[str, str]:
    return {match[1].upper(): match[2] or match[3] or "" for match in _PARAMETER.finditer(text)}


def _heading(method: str, event: _Properties) -> str:
    if not event:
        return ""
    if method == "REPLY":
        answer = event.get("ATTENDEE", _NOTHING).parameters.get("PARTSTAT", "").upper()
        return _REPLIES.get(answer, "Answer to an invitation")
    return _METHODS.get(method, "")


def _when(event: _Properties) -> str:
    start = event.get("DTSTART", _NOTHING)
    moment = _moment(start.value)
    if moment is None:
        return ""
    until = _until(moment, event)
    if not isinstance(moment, datetime):
        last = until - timedelta(days=1) if until else moment  # s3.6.1: the end of a day is the next one
        return f"{moment}" if last <= moment else f"{moment} to {last}"
    shown = f"{moment:%Y-%m-%d %H:%M}"
    if isinstance(until, datetime) and until > moment:
        shown += f" to {until:%H:%M}" if until.date() == moment.date() else f" to {until:%Y-%m-%d %H:%M}"
    zone = "UTC" if start.value.endswith("Z") else _shown(start.parameters.get("TZID", ""))
    return f"{shown} ({zone})" if zone else shown


def _until(moment: date, event: _Properties) -> date | None:
    end = _moment(event.get("DTEND", _NOTHING).value)
    if end is not None:
        return end if isinstance(end, datetime) is isinstance(moment, datetime) else None
    duration = _DURATION.fullmatch(event.get("DURATION", _NOTHING).value)
    if duration is None:
        return None
    weeks, days, hours, minutes = (int(number or 0) for number in duration.groups())
    try:
        return moment + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    except OverflowError:
        return None


def _moment(value: str) -> date | None:
    """A DATE, or a DATE-TIME as its zone's clock shows it; None where it is neither."""
    match = _MOMENT.fullmatch(value)
    if match is None:
        return None
    try:
        if match[2] is None:
            return datetime.strptime(match[1], "%Y%m%d").date()  # noqa: DTZ007 - a day, and no moment
        return datetime.strptime(match[1] + match[2], "%Y%m%d%H%M")  # noqa: DTZ007 - shown, and never compared
    except ValueError:  # the 31st of February
        return None


def _repeats(event: _Properties) -> str:
    match = _FREQUENCY.search(event.get("RRULE", _NOTHING).value.upper())
    return match[1].lower() if match else ""


def _person(named: _Property) -> str:
    address = named.value.partition(":")[2] if named.value[:7].lower() == "mailto:" else named.value
    name = named.parameters.get("CN", "")
    return _shown(f"{name} <{address}>" if name and name != address else address)


def _text(event: _Properties, name: str) -> str:
    return _shown(_unescaped(event.get(name, _NOTHING).value, " "))


def _unescaped(value: str, newline: str) -> str:
    return _ESCAPED.sub(lambda match: newline if match[1] in "nN" else match[1], value)


def _shown(value: str) -> str:
    return " ".join(value.split())[:MAX_VALUE]
