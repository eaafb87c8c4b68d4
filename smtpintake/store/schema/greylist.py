"""Tables of the greylist: what was told to come again, and the client networks that did.

Contract: written only where greylisting is on, and forgotten when it is old; nothing points at them.
"""

from datetime import datetime

from sqlmodel import Field

from smtpintake.store.types import Table, UtcDateTime


class Greylisted(Table, table=True):
    """An attempt that was told to come again: the client's network, the reverse-path (folded, empty for the null one)
    and the inbox.
    """

    __tablename__ = "greylist"

    network: str = Field(primary_key=True)
    reverse_path: str = Field(primary_key=True)
    inbox: str = Field(primary_key=True)
    first_seen: datetime = Field(sa_type=UtcDateTime, index=True)


class ProvenNetwork(Table, table=True):
    """A network whose client came again when it was told to: it has a queue, as mail servers do."""

    __tablename__ = "greylist_network"

    network: str = Field(primary_key=True)
    last_seen: datetime = Field(sa_type=UtcDateTime, index=True)
