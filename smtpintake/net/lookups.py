"""`Lookups`: everything that is asked of DNS for one mail.

Contract: each question is asked once, however many checks need its answer; all of them at the same time. They end
together, `deadline` seconds after the first one began: what is not answered then is trouble. Nothing raises for what
DNS does.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import SpfResult
from smtpintake.net import spf
from smtpintake.net.resolver import Resolver

MAX_QUESTIONS: Final = 250


class Lookups:
    """One mail's. `deadline` is in seconds, for all of them together."""

    def __init__(self, resolver: Resolver, deadline: float) -> None:
        self._resolver: Final = resolver
        self._deadline: Final = deadline
        self._ends: float | None = None
        self._asked: Final[dict[tuple[str, str], Answer | asyncio.Task[Answer]]] = {}

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Those that are here, in the order in which they were asked for."""
        return tuple(filter(None, map(_arrived, self._asked.values())))

    async def txt(self, names: Iterable[str]) -> tuple[Answer, ...]:
        """The TXT answers for all `names`, which are asked at the same time."""
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            self.begin(name, "TXT")
        return tuple([await self.ask(name, "TXT") for name in wanted])

    async def spf(
        self, peer_ip: str, helo_name: str, mail_from_domain: str, local_part: str
    ) -> tuple[SpfResult, SpfResult]:
        """SPF for MAIL FROM and for HELO; see `net.spf`."""
        return await spf.check(self, peer_ip, helo_name, mail_from_domain, local_part)

    async def ask(self, name: str, rdtype: str) -> Answer:
        """The answer, awaited where need be."""
        known = self._known(name, rdtype)
        if isinstance(known, Answer):
            return known
        # Not the task itself: who asks may be cancelled, and others wait for the same.
        await asyncio.wait((known,))
        return known.result()

    def recall(self, name: str, rdtype: str) -> Answer | None:
        """The answer if it is known without asking; a question that is under way has none."""
        question = _question(name, rdtype)
        if (asked := self._asked.get(question)) is not None:
            return _arrived(asked)
        if (cached := self._resolver.recall(*question)) is not None:
            self._asked[question] = cached
        return cached

    def begin(self, name: str, rdtype: str) -> None:
        """Ask, and don't wait."""
        self._known(name, rdtype)

    def tell(self, name: str, rdtype: str, callback: Callable[[Answer], None]) -> None:
        """Ask, and call back with the answer: at once, or when it is here."""
        known = self._known(name, rdtype)
        if isinstance(known, Answer):
            callback(known)
        else:
            known.add_done_callback(lambda task: None if task.cancelled() else callback(task.result()))

    def _known(self, name: str, rdtype: str) -> Answer | asyncio.Task[Answer]:
        if (answer := self.recall(name, rdtype)) is not None:
            return answer
        question = _question(name, rdtype)
        if question not in self._asked:
            if len(self._asked) >= MAX_QUESTIONS:
                return Answer(*question, Found.TROUBLE, detail=f"more than {MAX_QUESTIONS} lookups for a mail")
            self._asked[question] = asyncio.create_task(self._look_up(*question))
        return self._asked[question]

    async def _look_up(self, name: str, rdtype: str) -> Answer:
        if self._ends is None:
            self._ends = asyncio.get_running_loop().time() + self._deadline
        try:
            async with asyncio.timeout_at(self._ends):
                return await self._resolver.resolve(name, rdtype)
        except TimeoutError:
            return Answer(name, rdtype, Found.TROUBLE, detail=f"the mail's lookups took more than {self._deadline:g} s")


def _question(name: str, rdtype: str) -> tuple[str, str]:
    return name.lower().removesuffix("."), rdtype


def _arrived(asked: Answer | asyncio.Task[Answer]) -> Answer | None:
    if isinstance(asked, Answer):
        return asked
    return asked.result() if asked.done() and not asked.cancelled() else None
