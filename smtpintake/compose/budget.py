"""How much mail a machine may write for us: to one address, about one issue, to one domain, and in all.

Contract: pure. `why_no_answer` and `why_no_notice` give the first limit that is reached, as a `Silence` that the log
tells of once, or None where one more mail may go. Robots that answer robots stop here whatever they look like
(freescout#3670): one that answers at once at `pause`, one that takes its time at `per_address`. What a person writes is
not limited, nor counted.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from smtpintake.mail.reason import Reason


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many mails within `window`: answers to one address, automatic mails to one address about one issue,
    answers to one domain, answers in all; 0 is no limit. Between two acknowledgements to one address lies a `pause`:
    a person reads the first one, a robot answers it.
    """

    window: timedelta = timedelta(minutes=180)
    per_address: int = 10
    per_thread: int = 10
    per_domain: int = 1000
    total: int = 10_000
    pause: timedelta = timedelta(minutes=10)


DEFAULT_BUDGET: Final = Budget()


@dataclass(frozen=True, slots=True)
class Silence:
    """A limit that is reached. `of` is whom it silences: a folded address, `@domain`, or `*` for everybody; `issue_id`
    what about, where it is not everything; `said` is for people.
    """

    reason: Reason
    of: str
    said: str
    issue_id: int | None = None

    @property
    def name(self) -> str:
        """The same for the same silence, however often it keeps a mail back."""
        return f"{self.reason} {self.of} {self.issue_id or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Spent:
    """What of a budget is used up for one address: `answers` to it, the last of them at `last_answer`; automatic mails
    to it by issue id; answers to its domain, and in all. `logged` are the names of silences that the log has.
    """

    answers: int = 0
    last_answer: datetime | None = None
    threads: Mapping[int, int] = field(default_factory=dict)
    domain: int = 0
    total: int = 0
    logged: frozenset[str] = frozenset()


NOTHING_SPENT: Final = Spent()


def why_paused(budget: Budget, spent: Spent, address: str, now: datetime) -> str | None:
    """Why `address` is not to be acknowledged just now: a pause is no silence, and ends by itself."""
    if spent.last_answer is not None and now - spent.last_answer < budget.pause:
        return f"{address} was answered {int((now - spent.last_answer).total_seconds())} s ago"
    return None


def why_no_answer(budget: Budget, spent: Spent, address: str, issue_id: int | None = None) -> Silence | None:
    """Why `address` is not to be answered by a machine now. `issue_id` is what the answer is about where that is not
    new.
    """
    if budget.per_address and spent.answers >= budget.per_address:
        said = f"{address} was sent {spent.answers} answers within {_hours(budget)}"
        return Silence(Reason.BUDGET_ADDRESS, address, said)
    if silence := why_no_notice(budget, spent, address, issue_id):
        return silence
    if budget.per_domain and spent.domain >= budget.per_domain:
        domain = address.rpartition("@")[2]
        said = f"{domain} was sent {spent.domain} answers within {_hours(budget)}"
        return Silence(Reason.BUDGET_DOMAIN, f"@{domain}", said)
    if budget.total and spent.total >= budget.total:
        return Silence(Reason.BUDGET_TOTAL, "*", f"{spent.total} answers were sent within {_hours(budget)}")
    return None


def why_no_notice(budget: Budget, spent: Spent, address: str, issue_id: int | None) -> Silence | None:
    """Why `address` is not to be told of what happened to the issue now."""
    told = spent.threads.get(issue_id, 0) if issue_id is not None else 0
    if budget.per_thread and told >= budget.per_thread:
        said = f"{address} was sent {told} automatic mails about this issue within {_hours(budget)}"
        return Silence(Reason.BUDGET_THREAD, address, said, issue_id)
    return None


def is_exhausted(budget: Budget, spent: Spent) -> bool:
    """True where any of the limits is reached, whatever the issue."""
    used = (
        (budget.per_address, spent.answers),
        (budget.per_thread, max(spent.threads.values(), default=0)),
        (budget.per_domain, spent.domain),
        (budget.total, spent.total),
    )
    return any(limit and count >= limit for limit, count in used)


def _hours(budget: Budget) -> str:
    return f"{budget.window.total_seconds() / 3600:g} h"


@dataclass(slots=True)
class Ledger:
    """Answers that one transaction sends, on top of what was counted before it."""

    _addresses: Counter[str] = field(default_factory=Counter)
    _domains: Counter[str] = field(default_factory=Counter)
    _threads: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, address: str, issue_id: int) -> None:
        """Another answer is sent."""
        self._addresses[address] += 1
        self._domains[address.rpartition("@")[2]] += 1
        self._threads.setdefault(address, Counter())[issue_id] += 1

    def on_top_of(self, spent: Spent, address: str, now: datetime) -> Spent:
        """What is used up for `address` with these answers."""
        if not self._addresses:
            return spent
        own = self._addresses[address]
        return replace(
            spent,
            answers=spent.answers + own,
            last_answer=now if own else spent.last_answer,
            threads=Counter(spent.threads) + self._threads[address] if own else spent.threads,
            domain=spent.domain + self._domains[address.rpartition("@")[2]],
            total=spent.total + self._addresses.total(),
        )
