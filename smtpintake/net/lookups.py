"""`Lookups`: everything that is asked of DNS for one mail.

Contract: each question is asked once, however many checks need its answer; all of them at the same time. They end
together, `deadline` seconds after the first one began: what is not answered then is trouble. Nothing raises for what
DNS does.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import SpfResult
from smtpintake.auth.spf import Question
from smtpintake.net import spf
from smtpintake.net.resolver import Resolver

MAX_QUESTIONS: Final = 250


class Lookups:
    """One mail's. `deadline` is in seconds, for all of them together."""

    def __init__(self, resolver: Resolver, deadline: float) -> None:
        self._resolver: Final = resolver
        self._deadline: Final = deadline
        self._ends: float | None = None
        self._asked: Final[dict[Question, Answer | asyncio.Task[Answer]]] = {}

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Those that are here, in the order in which they were asked for."""
        return tuple(filter(None, map(_arrived, self._asked.values())))

    def begin_txt(self, names: Iterable[str]) -> None:
        """Ask for what `txt` will give, and don't wait."""
        for name in names:
            self.begin(name, "TXT")

    async def txt(self, names: Iterable[str]) -> tuple[Answer, ...]:
        """The TXT answers for all `names`, which are asked at the same time."""
        return await self.ask(dict.fromkeys(_folded(name, "TXT") for name in names))

    async def spf(
        self, peer_ip: str, helo_name: str, mail_from_domain: str, local_part: str
    ) -> tuple[SpfResult, SpfResult]:
        """SPF for MAIL FROM and for HELO; see `net.spf`."""
        return await spf.check(self, peer_ip, helo_name, mail_from_domain, local_part)

    async def ask(self, questions: Iterable[Question]) -> tuple[Answer, ...]:
        """The answers, in the order of the questions; what must be asked is asked at the same time."""
        asked = [(question, self.begin(*question)) for question in questions]
        pending = [known for _, known in asked if not isinstance(known, Answer)]
        if pending:
            await asyncio.wait(pending, timeout=self._left())
        return tuple(self._settled(question, known) for question, known in asked)

    def recall(self, questions: Iterable[Question]) -> tuple[Answer, ...] | None:
        """The answers if all are known without asking; a question that is under way has none."""
        found = []
        for name, rdtype in questions:
            question = _folded(name, rdtype)
            if (asked := self._asked.get(question)) is None:
                if (asked := self._resolver.recall(*question)) is None:
                    return None
                self._asked[question] = asked
            if (answer := _arrived(asked)) is None:
                return None
            found.append(answer)
        return tuple(found)

    def begin(self, name: str, rdtype: str) -> "Answer | asyncio.Task[Answer]":
        """Ask, and don't wait: the answer, or what brings it (never cancel that, others may wait for it)."""
        question = _folded(name, rdtype)
        if (known := self._asked.get(question)) is not None:
            return _arrived(known) or known
        if len(self._asked) >= MAX_QUESTIONS:
            return Answer(*question, Found.TROUBLE, detail=f"more than {MAX_QUESTIONS} lookups for a mail")
        self._left()
        known = self._asked[question] = self._resolver.begin(*question)
        return known

    def _left(self) -> float:
        """Seconds until the deadline, which the first question sets."""
        now = asyncio.get_running_loop().time()
        if self._ends is None:
            self._ends = now + self._deadline
        return max(self._ends - now, 0.0)

    def _settled(self, question: Question, known: "Answer | asyncio.Task[Answer]") -> Answer:
        """The answer; what has none at the deadline is trouble, from then on."""
        answer = _arrived(known)
        if answer is None:
            asked = _folded(*question)
            answer = Answer(*asked, Found.TROUBLE, detail=f"the mail's lookups took more than {self._deadline:g} s")
            self._asked[asked] = answer
        return answer


def _folded(name: str, rdtype: str) -> Question:
    return name.lower().removesuffix("."), rdtype


def _arrived(asked: "Answer | asyncio.Task[Answer]") -> Answer | None:
    if isinstance(asked, Answer):
        return asked
    return asked.result() if asked.done() else None
