"""How values travel between the intake and its analysers: pickled by their fields.

Contract: nothing but time differs from what pickle does by itself. A frozen dataclass asks for the list of its fields
whenever one of its values is pickled, which took half of the time that handing over a mail's analysis takes.
"""

import copyreg
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from smtpintake.auth.answers import Answer
from smtpintake.auth.results import ArcResult, AuthVerdict, DkimResult, DmarcResult, SpfResult
from smtpintake.auth.verify import Evidence
from smtpintake.convert.draft import Draft
from smtpintake.convert.file import File
from smtpintake.decide.analysis import Analysis
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Attachment, Author, Message

# What nearly every mail has. Each has several fields: of one alone, attrgetter makes no tuple.
_COMMON: Final = (
    *(Analysis, Message, Author, Mailbox, Attachment, Draft, File),
    *(Evidence, Answer, AuthVerdict, SpfResult, DkimResult, DmarcResult, ArcResult),
)


def travel_light() -> None:
    """For this process, from now on."""
    for kind in _COMMON:
        copyreg.pickle(kind, _reduce(kind))


def _reduce(kind: type[Any]) -> Any:
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda value: (_made, (kind, *values(value)))


def _made(kind: type[Any], *values: object) -> Any:
    made = object.__new__(kind)
    for name, value in zip(kind.__slots__, values, strict=True):
        object.__setattr__(made, name, value)
    return made
