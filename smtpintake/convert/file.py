"""`File`: an attachment as an issue lists it. A value."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from smtpintake.mail.message import Attachment

_MAX_ENDS: Final = 3  # of a file name: `a.tar.gz` has two


@dataclass(frozen=True, slots=True)
class File:
    """`part` is what the mail says, and where the octets are. `name` is safe to save under. `detected_type` is what to
    take it for: the declared type, unless the octets say otherwise.
    """

    part: Attachment
    name: str
    detected_type: str

    @property
    def kinds(self) -> frozenset[str]:
        """What a pattern may call it: `*`, `image/png` and `image/*`, `.gz` and `.tar.gz`, in lower case; of types the
        declared as well.
        """
        return self.shown_kinds | {*_types(self.part.content_type.lower()), *_ends(self.part.name)}

    @property
    def shown_kinds(self) -> frozenset[str]:
        """The same without what the sender merely says of it."""
        return frozenset(("*", *_types(self.detected_type.lower()), *_ends(self.name)))


def _types(media_type: str) -> Iterator[str]:
    yield media_type
    yield f"{media_type.partition('/')[0]}/*"


def _ends(name: str) -> Iterator[str]:
    ends = name.lower().rstrip(". ").rsplit(".", _MAX_ENDS)[1:]
    for i in range(len(ends)):
        yield "." + ".".join(ends[i:])
