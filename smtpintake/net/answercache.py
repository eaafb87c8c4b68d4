"""What DNS said lately: answers by question, each until its time is over, and no more of them than there is room for.

Contract: `get` costs a dict lookup. Bounded in entries and in characters; the least recently used go first.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from smtpintake.auth.answers import Answer

MAX_CHARACTERS: Final = 32 << 20

Question = tuple[str, str]  # folded name, type


class AnswerCache:
    """`clock` gives seconds."""

    def __init__(self, size: int, clock: Callable[[], float], max_characters: int = MAX_CHARACTERS) -> None:
        self._size: Final = size
        self._clock: Final = clock
        self._max_characters: Final = max_characters
        self._entries: Final[OrderedDict[Question, tuple[float, Answer]]] = OrderedDict()
        self._characters = 0

    def get(self, question: Question) -> Answer | None:
        """The answer, marked as `cached`; None where there is none or its time is over."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        expires, answer = entry
        if expires <= self._clock():
            self._drop(question)
            return None
        self._entries.move_to_end(question)
        return answer

    def put(self, question: Question, answer: Answer, ttl: float) -> None:
        """Keep `answer` for `ttl` seconds."""
        self._drop(question)
        cached = Answer(answer.name, answer.rdtype, answer.found, answer.records, answer.detail, cached=True)
        self._entries[question] = self._clock() + ttl, cached
        self._characters += _weight(answer)
        while len(self._entries) > self._size or self._characters > self._max_characters:
            self._drop(next(iter(self._entries)))

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, question: Question) -> None:
        if entry := self._entries.pop(question, None):
            self._characters -= _weight(entry[1])


def _weight(answer: Answer) -> int:
    # Each text of Python's has some 50 octets of its own.
    return len(answer.name) + sum(50 + len(record) for record in answer.records)
