"""What a history proves of a quotation, and what it never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.history import MAX_HISTORY, MAX_LOOKS, History, Verdict, words, words_of

MAIL = (
    "Dear Ana,\n\nplease restart the printer and tell us whether the lamp is red. Shall we send\nsomebody on Monday?\n"
    "We will not charge you more than 1000 EUR.\n\nBob"
)
HISTORY = History.of([MAIL, "Help!", "Yes.", "We can come, too.\n> Help!"])
KNOWN, UNKNOWN, INSERTED = Verdict.KNOWN, Verdict.UNKNOWN, Verdict.INSERTED


def verdicts(*lines: str, history: History = HISTORY) -> list[Verdict]:
    return history.verdicts([words(line) for line in lines])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("> Dear\n> Ana,", "Dear Ana,"),
        (">> > | Dear Ana", "Dear\xa0 Ana"),
        ("*bold*. _it_ **both**", "bold. it both"),
        ("/on fire/, it says", "on fire, it says"),
        ("- one\n* two\n• three", "one\ntwo\nthree"),
        ("[a@b.example](mailto:a@b.example)", "a@b.example"),
        ("a@b.example <mailto:a@b.example>", "a@b.example"),
        ("see https://x.example <https://x.example/>", "see https://x.example"),
        ("[here](https://x.example)", "here<https://x.example>"),
        ("one\n________\ntwo", "one two"),
        ("on\u200bly\ufeff", "only"),
        ("\u6211\u77e5\u9053\n\u4e86", "\u6211\u77e5\u9053\u4e86"),
        (r"1\. and \# and \-", "1. and # and -"),
    ],
)
def test_what_clients_change(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2*3", "23"),
        ("a_b", "ab"),
        ("rm -r /tmp", "rm -r tmp"),
        ("/usr/bin or /tmp", "usr/bin or tmp"),
        ("1/2 or 3/4", "12 or 34"),
        ("-5 EUR", "5 EUR"),
        ("No", "no"),
        ("Yes.", "Yes?"),
        ("x > 5", "x 5"),
        ("1.5", "15"),
        ("a b", "ab"),
        ("[here](https://x.example)", "[here](https://y.example)"),
        ("https://x.example <https://y.example>", "https://x.example"),
    ],
)
def test_what_authors_change(one: str, other: str) -> None:
    assert words(one) != words(other)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["> Dear Ana,", "> please restart the", "> printer and tell us whether", "> the lamp is red."], [KNOWN] * 4),
        (["Help!"], [KNOWN]),  # all that is quoted, and all of a text
        (["Dear Ana,"], [UNKNOWN]),
        (["Help"], [UNKNOWN]),
        # A short line counts with its neighbours, and not where they are gone.
        (["more than 1000 EUR.", "Bob"], [KNOWN] * 2),
        (["more than 100 EUR.", "Bob"], [UNKNOWN] * 2),
        # Altered, cut short, or put together.
        (["We will charge you more than 1000 EUR."], [UNKNOWN]),
        (["We will not charge you more than 100"], [UNKNOWN]),
        (["somebody on Monday? Yes, and we will", "We will not charge you more than"], [UNKNOWN, KNOWN]),
        (["tell us whether the lamp is red. Bob"], [UNKNOWN]),
        (["Bob Help! We can come, too. Help!"], [UNKNOWN]),  # from one text into the next
        # Answers, in words that are known or not.
        (["please restart the printer and", "I did.", "tell us whether the lamp"], [KNOWN, INSERTED, KNOWN]),
        (["please restart the printer and", "Yes.", "tell us whether the lamp"], [KNOWN, INSERTED, KNOWN]),
        (
            ["please restart the printer and", "We will not charge you more than", "tell us whether the lamp"],
            [KNOWN, INSERTED, KNOWN],
        ),
        (
            ["Dear Ana,", "x", "please restart", "Shall we send somebody on Monday?", "y", "the printer and tell us"],
            [KNOWN, INSERTED, KNOWN, INSERTED, INSERTED, KNOWN],
        ),
        # A line that was replaced is not one that was put in.
        (
            ["please restart the printer and tell", "them whatever you like", "the lamp is red. Shall we send"],
            [KNOWN, UNKNOWN, KNOWN],
        ),
    ],
)
def test_verdicts(lines: list[str], expected: list[Verdict]) -> None:
    assert verdicts(*lines) == expected


def test_nothing_is_known_to_an_issue_that_heard_nothing() -> None:
    assert verdicts("Dear Ana, please restart the printer", history=History()) == [UNKNOWN]
    assert History.of([]).verdicts(["a"]) == [UNKNOWN]
    assert History().verdicts([]) == []


def test_bounds() -> None:
    long = History.of(["word " * MAX_HISTORY, "Never heard of any of these words."])
    assert verdicts("Never heard of any of these words.", history=long) == [UNKNOWN]
    cut = History.of(["x" * (MAX_HISTORY - 23) + " this one owes us at most 1000 EUR"])
    assert "this one owes us" in cut.text
    assert " 100 " not in cut.text.replace("\n", " ")
    # Each line is looked at and found wanting: what comes after so many looks is not known.
    lines = [f"nobody wrote line {number}" for number in range(2 * MAX_LOOKS)]
    assert verdicts(*lines, "please restart the printer and tell us")[-1] is UNKNOWN


TEXT = st.text(alphabet="ab \n>*_/-|[]()<:\\\u6211\u200b1.", max_size=60)


@given(TEXT)
def test_words_are_a_fixed_form(text: str) -> None:
    found = words(text)
    assert found == " ".join(found.split())
    assert "\n" not in found


@given(TEXT)
def test_the_words_of_lines_are_those_of_each(text: str) -> None:
    lines = text.split("\n")
    assert words_of(lines) == [words(line) for line in lines]


@given(st.lists(TEXT, max_size=4), st.lists(TEXT.map(words).filter(bool), max_size=8))
def test_what_is_known_was_heard(texts: list[str], lines: list[str]) -> None:
    history = History.of(texts)
    found = history.verdicts(lines)
    assert len(found) == len(lines)
    for line, verdict in zip(lines, found, strict=True):
        if verdict is KNOWN:
            assert any(f" {line} " in f" {words(text)} " for text in texts)
