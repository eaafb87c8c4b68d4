"""Who is told by mail of what happened to an issue, and why others are not.

Contract: pure. Whoever is concerned by the project's `notify` is told, but for those who did it, those to whom the mail
went by itself, and those who may not be written to. What agents answer reaches everybody who takes part, unless their
domain disowns what came in their name; anything else only who is registered or proved: the words of strangers must not
go through us to people who never asked. Internal comments reach only who works on the issue.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from smtpintake.compose.autoreply import is_robot
from smtpintake.decide.policy import Happening, Notify, Proof, Role
from smtpintake.mail.address import Mailbox


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be told, at `address`; all are folded. `role` is theirs in the project, and `works` says whether
    they may act as its agents: they read what is internal. `proof` is the best that they have shown on this issue, None
    where they have not written. `barred` says why nothing is to be sent to them at all, and `enough` why nothing by
    itself; both are empty where it may. Who has `left` the issue hears nothing but what is theirs as they are assigned.
    `language` is theirs, where anybody said it.
    """

    address: str
    name: str = ""
    person_id: int | None = None
    addresses: frozenset[str] = frozenset()
    role: Role | None = None
    works: bool = False
    registered: bool = False
    takes_part: bool = False
    assigned: bool = False
    proof: Proof | None = None
    barred: str = ""
    enough: str = ""
    left: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """What happened. `author_id` and `author_address` did it; `copied` have it already. `internal` and `by_staff` are
    as the comment is. `sender_id` wrote what was not delivered: they are concerned, whatever the project says.
    """

    kind: Happening
    author_id: int | None = None
    author_address: str = ""
    by_staff: bool = False
    internal: bool = False
    copied: frozenset[str] = frozenset()
    sender_id: int | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told, and of which of the news, by position."""

    person: Person
    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is `told`; a line for each that is concerned and not told; and who of those has had `enough` by itself."""

    told: tuple[Recipient, ...]
    left_out: tuple[str, ...]
    enough: tuple[Person, ...] = ()


def recipients(news: Sequence[News], people: Iterable[Person], notify: Notify, *, assigned: bool) -> Audience:
    """Who is told of what, and who is not. `assigned` where somebody is."""
    told: list[Recipient] = []
    left_out: list[str] = []
    enough: dict[str, Person] = {}
    for person in people:
        wanted = _wanted(person, notify, assigned=assigned)
        why, of = "", []
        for position, each in enumerate(news):
            is_senders = each.sender_id is not None and each.sender_id == person.person_id
            if not (each.kind in wanted or is_senders) or (each.internal and not person.works):
                continue
            if reason := _why_not(person, each):
                why = reason
                if reason == person.enough:
                    enough[person.address] = person
            else:
                of.append(position)
        if of:
            told.append(Recipient(person, tuple(of)))
        elif why:
            left_out.append(f"not {person.address}: {why}")
    return Audience(tuple(told), tuple(left_out), tuple(enough.values()))


def _wanted(person: Person, notify: Notify, *, assigned: bool) -> frozenset[Happening]:
    return frozenset(_of_audiences(person, notify, assigned=assigned))


def _of_audiences(person: Person, notify: Notify, *, assigned: bool) -> Iterator[Happening]:
    if person.takes_part:
        yield from notify.participants
    if person.assigned:
        yield from notify.assignee
    if person.works and not assigned:
        yield from notify.unassigned
    match person.role:
        case Role.AGENT:
            yield from notify.agents
        case Role.MANAGER:
            yield from notify.managers
        case Role.MEMBER:
            yield from notify.members
        case _:
            pass


def _why_not(person: Person, news: News) -> str:
    """Why somebody who is concerned is not told, or an empty string."""
    if news.author_address in person.addresses or (news.author_id or 0) == person.person_id:
        return "did it"
    if person.left and not person.assigned:
        return "has left the issue"
    if person.barred:
        return person.barred
    if not news.copied.isdisjoint(person.addresses) and not person.works:
        return "the mail went there by itself"
    if person.proof is Proof.FAILED:
        return "their domain disowns what came in their name"
    is_answer = news.kind is Happening.COMMENT and news.by_staff
    if is_answer and not person.works:
        return ""
    if person.enough:
        return person.enough
    if not person.registered and (person.proof is None or person.proof.rank < Proof.ALIGNED.rank):
        return "neither registered nor proved, and this is no agent's answer"
    is_stranger = not news.by_staff and news.kind in (Happening.COMMENT, Happening.CREATED)
    if is_stranger and not person.works and person.proof is Proof.NONE:
        return "they may not have written what came in their name, and this is no agent's answer"
    if is_robot(Mailbox.parse(person.address)):
        return "the address of a machine, and this is no agent's answer"
    return ""
