"""In which language we write, and who says so."""

from dataclasses import replace
from typing import Any

import pytest

from smtpintake.decide.language import of_issue, to_author
from tests import make

GERMAN = {"message": make.message(header=(("Content-Language", "de"),))}


@pytest.mark.setting("inbox.language", "person.language")
@pytest.mark.parametrize(
    ("inbox", "person", "mail", "issue", "answer"),
    [
        ("", "", {}, "en", "en"),
        ("", "", GERMAN, "de", "de"),
        ("", "fr", GERMAN, "fr", "fr"),
        ("pl", "", GERMAN, "pl", "pl"),
        ("pl", "fr", GERMAN, "pl", "fr"),
    ],
)
def test_inbox_person_and_header_say_the_language(
    inbox: str, person: str, mail: dict[str, Any], issue: str, answer: str
) -> None:
    policy = make.policy(language=inbox)
    facts = make.facts(policy, sender=replace(make.sender(), language=person), **mail)
    assert of_issue(facts, policy)[0] == issue
    assert to_author(facts) == answer


def test_a_stranger_is_answered_in_the_language_of_the_issue() -> None:
    facts = make.facts(make.policy(), sender=None, **GERMAN)
    assert to_author(facts) == "de"
    assert to_author(facts, "ja") == "ja"
