"""What DNS says, written down: a zone as a dict becomes `Answers` for the names that were asked for."""

from collections.abc import Iterable, Mapping

from smtpintake.auth.answers import Answer, Answers, Found, by_name

Zone = Mapping[str, str | list[str] | Found]


def answers(zone: Zone, names: Iterable[str]) -> Answers:
    """An answer for each of `names`; what `zone` doesn't have does not exist."""
    return by_name(_answer(name, zone.get(name, Found.NXDOMAIN)) for name in names)


def _answer(name: str, entry: str | list[str] | Found) -> Answer:
    if isinstance(entry, Found):
        return Answer(name, "TXT", entry, detail="no answer in time" if entry is Found.TROUBLE else "")
    return Answer(name, "TXT", Found.RECORDS, (entry,) if isinstance(entry, str) else tuple(entry))
