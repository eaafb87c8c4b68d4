"""`Proof`: how well the author of a mail is proved, as rules ask for it."""

from enum import StrEnum
from typing import Final


class Proof(StrEnum):
    """How well a mail's author is proved, least first. Compare with `rank`."""

    FAILED = "failed"
    NONE = "none"
    ALIGNED = "aligned"
    KEY = "key"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Final = {proof: rank for rank, proof in enumerate(Proof)}
