"""Who is told of what, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from smtpintake.decide.policy import Happening, Notify, Proof, Role
from smtpintake.decide.recipients import News, Person, recipients

CARA = Person("cara@customer.example", "Cara", addresses=frozenset(("cara@customer.example",)), takes_part=True)
ANA = Person(
    "ana@example.org", "Ana", 1, frozenset(("ana@example.org",)), Role.AGENT, works=True, registered=True, assigned=True
)
ANSWER = News(Happening.COMMENT, by_staff=True)
WORDS = News(Happening.COMMENT)
STATUS = News(Happening.STATUS, by_staff=True)


def told(person: Person, news: News, **notify: Any) -> str:
    """Empty where the person is told, else why not."""
    found = recipients([news], [person], Notify(**notify), assigned=person.assigned)
    assert [each.address for each in found.enough] == ([person.address] if person.enough and not found.told else [])
    return "" if found.told else found.left_out[0].partition(": ")[2] if found.left_out else "not concerned"


@pytest.mark.parametrize(
    ("person", "news", "why"),
    [
        (CARA, ANSWER, ""),
        (replace(CARA, proof=Proof.FAILED), ANSWER, "their domain disowns what came in their name"),
        (replace(CARA, proof=Proof.FAILED, registered=True), STATUS, "their domain disowns what came in their name"),
        (CARA, STATUS, "neither registered nor proved, and this is no agent's answer"),
        (replace(CARA, proof=Proof.NONE), STATUS, "neither registered nor proved, and this is no agent's answer"),
        (replace(CARA, proof=Proof.ALIGNED), STATUS, ""),
        (replace(CARA, registered=True), STATUS, ""),
        (replace(CARA, registered=True, address="noreply@customer.example"), ANSWER, ""),
        (
            replace(CARA, registered=True, address="noreply@customer.example"),
            STATUS,
            "the address of a machine, and this is no agent's answer",
        ),
        (CARA, replace(ANSWER, author_address="cara@customer.example"), "did it"),
        (replace(CARA, person_id=7), replace(ANSWER, author_id=7), "did it"),
        (CARA, replace(ANSWER, author_id=None), ""),
        (CARA, replace(ANSWER, copied=frozenset(("cara@customer.example",))), "the mail went there by itself"),
        (CARA, replace(ANSWER, internal=True), "not concerned"),
        (replace(CARA, barred="stopped"), ANSWER, "stopped"),
        (replace(CARA, enough="10 mails"), ANSWER, ""),
        (replace(CARA, registered=True, enough="10 mails"), STATUS, "10 mails"),
        (ANA, WORDS, ""),
        (ANA, replace(WORDS, internal=True), ""),
        (ANA, replace(WORDS, copied=frozenset(("ana@example.org",))), ""),
        (replace(ANA, enough="10 mails"), ANSWER, "10 mails"),
        (replace(ANA, works=False), replace(WORDS, internal=True), "not concerned"),
    ],
)
def test_who_is_told(person: Person, news: News, why: str) -> None:
    assert told(person, news) == why


@pytest.mark.setting("project.notify.members")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("audience", ["agents", "managers", "members"])
def test_each_role_hears_of_its_own(role: Role, audience: str) -> None:
    person = replace(ANA, role=role, works=False, assigned=False)
    heard = told(person, WORDS, **{audience: ["comment"]}) == ""
    assert heard == (f"{role}s" == audience)


def test_whoever_is_told_of_some_hears_of_no_more() -> None:
    found = recipients([STATUS, ANSWER, replace(ANSWER, internal=True)], [CARA], Notify(), assigned=True)
    assert ([one.of for one in found.told], found.left_out) == ([(1,)], ())
