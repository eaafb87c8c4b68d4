"""How values travel between the intake and its analysers: pickled by their fields.

Contract: nothing but time differs from what pickle does by itself. A frozen dataclass asks for the list of its fields
whenever one of its values is pickled, and sets each field by its name when that arrives; here a value is made of its
fields as it was made at first, which takes a third of the time.
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
from smtpintake.convert.layers import Layers
from smtpintake.convert.reading import QuotingHtml, Reading
from smtpintake.convert.safehtml import SafeHtml
from smtpintake.decide.analysis import Analysis
from smtpintake.intake.analysis import Task
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Attachment, Author, Message

# What nearly every mail has, or every reply. Each has several fields: of one alone, attrgetter makes no tuple.
_COMMON: Final = (
    *(Task, Analysis, Message, Author, Mailbox, Attachment, Draft, File),
    *(Reading, Layers, QuotingHtml, SafeHtml),
    *(Evidence, Answer, AuthVerdict, SpfResult, DkimResult, DmarcResult, ArcResult),
)


def travel_light() -> None:
    """For this process, from now on."""
    for kind in _COMMON:
        copyreg.pickle(kind, _reduce(kind))


def _reduce(kind: type[Any]) -> Any:
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda value: (kind, values(value))
