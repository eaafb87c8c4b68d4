"""`Lines`: a text as those see it who look for what of it is new: made once, for each of them.

Contract: pure, total and linear.
"""

from dataclasses import dataclass

from smtpintake.convert import quoting, signature


@dataclass(frozen=True, slots=True)
class Lines:
    """`text`, its lines as `signature.lines_of` gives them, and the numbers of those that hold a separator."""

    text: str
    lines: list[str]
    separating: tuple[int, ...]

    @classmethod
    def of(cls, text: str, separators: tuple[str, ...]) -> "Lines":
        """`separators` are the lines under which nothing is new."""
        lines = signature.lines_of(text)
        return cls(text, lines, tuple(quoting.separating(lines, separators)))
