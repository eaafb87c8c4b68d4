"""The shipped catalogues: eight languages, and every one of them says everything."""

import re
from pathlib import Path

import pytest

from smtpintake.compose.kinds import SAMPLES
from smtpintake.decide.policy.inbox import DEFAULT_SEPARATORS
from tests.compose.letters import templates
from tests.compose.messages import catalogues, messages, read

LANGUAGES = {"en", "de", "fr", "es", "pt", "ja", "pl", "it"}

every_catalogue = pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.stem)


def test_we_write_eight_languages() -> None:
    assert {path.stem for path in catalogues()} | {"en"} == LANGUAGES


@every_catalogue
def test_a_catalogue_has_every_message_and_no_other(path: Path) -> None:
    said, wanted = read(path), messages()
    assert {message.id for message in said if message.id} == {message.id for message in wanted if message.id}, (
        "run `make catalogues`, and translate what it adds"
    )
    assert [message.id for message in said if not message.string or message.fuzzy] == []


@every_catalogue
def test_a_translation_has_the_values_of_its_message(path: Path) -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sd]", text))

    for message in read(path):
        if isinstance(message.id, str) and message.id:
            assert values(str(message.string)) == values(message.id), message.id


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_what_stands_on_top_of_our_mail_is_known_when_it_comes_back(language: str) -> None:
    assert templates().separator(language, DEFAULT_SEPARATORS) in DEFAULT_SEPARATORS
    assert templates().separator(language, ("-- nur hier --",)) == "-- nur hier --"
    assert templates().separator(language, ()) == ""


def test_each_language_has_its_own_separator() -> None:
    said = {templates().separator(language, DEFAULT_SEPARATORS) for language in LANGUAGES}
    assert len(said) == len(LANGUAGES)


@pytest.mark.parametrize("kind", SAMPLES)
def test_no_kind_says_the_same_in_two_languages(kind: str) -> None:
    said = {templates().render(kind, language, SAMPLES[kind]).text for language in LANGUAGES}
    assert len(said) == len(LANGUAGES)
