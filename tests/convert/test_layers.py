"""A reply, line by line: what is left of it once its issue is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.history import History
from smtpintake.convert.layers import MAX_TEXT, Layer, Layers, layers
from smtpintake.convert.lines import Lines

ASKED = (
    "Dear Cara,\n\nwhich of the two printers is on fire, the black one or the white one?\n\nAnd is anybody hurt?\n\n"
    "Ana Ruiz"
)
HISTORY = History.of([ASKED])
GMAIL = "On Mon, 2 Mar 2026 at 09:00 Ana Ruiz <ana@example.org> wrote:"
OUTLOOK = "From: Ana Ruiz <ana@example.org>\nSent: Monday, March 2, 2026 9:00 AM\nTo: Cara\nSubject: Printer\n"
QUOTED = "\n".join(f"> {line}".rstrip() for line in ASKED.split("\n"))


def told(text: str, history: History = HISTORY) -> str:
    found = layers(Lines.of(text, ("-- reply above this line --",)))
    return found.told(history, History()).text if found else text


@pytest.mark.parametrize(
    "history",
    [
        f"{GMAIL}\n\n{QUOTED}",
        f"{GMAIL}\n{QUOTED}\n>",
        QUOTED,
        f"{OUTLOOK}\n{ASKED}",
        f"________________________________\n{OUTLOOK}\n{ASKED}",
        f"-----Original Message-----\n{OUTLOOK}\n{ASKED}",
        f"{GMAIL}\n\n{ASKED}",
        f"-- reply above this line --\n{ASKED}",
        f"> {GMAIL}\n> \n{QUOTED}",
        f"-- \nCara\n\n{GMAIL}\n{QUOTED}",
        f">>> Ana Ruiz <ana@example.org> 3/2/2026 9:00 AM >>>\n{ASKED}",
        f"Ana Ruiz <ana@example.org> writes:\n\n{QUOTED}",
        f">>> {GMAIL}\n{QUOTED}",
        f"Ana Ruiz <ana@example.org>, 2.3.2026 09:00:\n-- reply above this line --\n{ASKED}",
    ],
)
def test_what_is_known_is_hidden(history: str) -> None:
    assert told(f"The black one.\n\nNobody.\n\n{history}") == "The black one.\n\nNobody."


def test_below_the_quotation() -> None:
    assert told(f"{GMAIL}\n{QUOTED}\n\nThe black one.") == "The black one."
    assert told(f"{GMAIL}\n{QUOTED}\n\nThe black one.\n\n-- \nCara") == "The black one."


@pytest.mark.parametrize("before", [OUTLOOK, GMAIL])
def test_own_words_below_the_end_of_an_unmarked_quotation(before: str) -> None:
    assert told(f"{before}\n{ASKED}\n\nThe black one.\n\nNobody.") == "The black one.\n\nNobody."
    inserted = ASKED.replace("one?", "one?\n\nThe black one.")
    assert told(f"{before}\n{inserted}\n\nDo come.").endswith("\nThe black one.\n\n> Ana Ruiz\n\nDo come.")
    # Part of a text, or one mail below the other: nothing tells whose words they are.
    assert told(f"{before}\n{ASKED.removesuffix('Ana Ruiz')}\nAna Roe").endswith("> Ana Roe")
    older = f"{OUTLOOK}\nNobody has ever heard of this."
    assert told(f"{before}\n{ASKED}\n\n{older}").endswith("> Nobody has ever heard of this.")


@pytest.mark.parametrize("mark", ["> ", ""])
@pytest.mark.parametrize("before", [OUTLOOK, GMAIL])
def test_what_is_not_known_stays_and_is_marked(before: str, mark: str) -> None:
    quoted = f"{mark}Nobody has ever heard of this.\n{mark}Nor of that."
    left = told(f"Look.\n\n{before}\n{quoted}")
    assert left.startswith(f"Look.\n\n{before.strip()}\n")
    assert left.endswith("> Nobody has ever heard of this.\n> Nor of that.")


@pytest.mark.parametrize("mark", ["> ", ""])
def test_an_altered_line_stays_and_its_neighbours_do_not(mark: str) -> None:
    altered = ASKED.replace("And is anybody hurt?", "And is anybody dead?")
    lines = "\n".join(f"{mark}{line}" for line in altered.split("\n"))
    left = told(f"No.\n\n{GMAIL if mark else OUTLOOK}\n{lines}")
    assert "> And is anybody dead?" in left
    assert "which of the two" not in left


def test_answers_between_the_lines_keep_what_they_answer() -> None:
    text = (
        f"See below.\n\n{GMAIL}\n> Dear Cara,\n>\n> which of the two printers is on fire, the black one or the white\n"
        "> one?\n\nThe black one or the white one?\n\n> And is anybody hurt?\n\nNo.\n\n> Ana Ruiz"
    )
    assert told(text) == (
        "See below.\n\n> which of the two printers is on fire, the black one or the white\n> one?\n\n"
        "The black one or the white one?\n\n> And is anybody hurt?\n\nNo."
    )


def test_answers_that_nothing_marks() -> None:
    lines = ASKED.replace("white one?\n", "white one?\nThe black one\n").replace("hurt?\n", "hurt?\nNo.\n")
    assert told(f"See below.\n\n{OUTLOOK}\n{lines}") == (
        "See below.\n\n> which of the two printers is on fire, the black one or the white one?\nThe black one\n\n"
        "> And is anybody hurt?\nNo."
    )


@pytest.mark.parametrize("text", [QUOTED, f"{GMAIL}\n{QUOTED}", f"{OUTLOOK}\n{ASKED}"])
def test_nothing_left_is_nothing_told(text: str) -> None:
    assert told(text) == ""  # `Reading` then shows all of it


@pytest.mark.parametrize(
    "text",
    [
        "No quotation.",
        "Note: it is broken\nFrom: the beginning",
        "---------- Forwarded message ---------\n" + OUTLOOK + "\nSomething else.",
        "x" * (MAX_TEXT + 1) + f"\n{QUOTED}",
        "",
    ],
)
def test_what_has_no_layers(text: str) -> None:
    assert layers(Lines.of(text, ())) is None


def test_an_answer_to_every_line() -> None:
    """More of them than a mail may have: the deadline of the test run is what a look at all for each would break."""
    number = 50_000
    found = Layers(
        lines=("> Old.", "Mine.") * number,
        layers=(Layer.MARKED, Layer.OWN) * number,
        said=("Old.", "") * number,
        nested=frozenset(),
    )
    told = found.told(HISTORY, History())
    assert told.answers
    assert told.text.count("Mine.") == number


LINES = st.lists(
    st.sampled_from(
        [*ASKED.split("\n"), *QUOTED.split("\n"), GMAIL, *OUTLOOK.split("\n"), "Mine.", "-- ", "> Forged."]
    ),
    max_size=25,
)


@given(LINES)
def test_no_words_of_the_author_are_lost(lines: list[str]) -> None:
    """Whatever is hidden was heard, announces, or follows two hyphens."""
    text = "\n".join(lines)
    left = told(text)
    assert "Forged" not in text or "> Forged." in left
    if "-- " not in lines:
        assert left.count("Mine.") == text.count("Mine.")


@given(st.text(alphabet="ab \n>:-_@1", max_size=200), st.text(alphabet="ab \n>", max_size=100))
def test_any_text(text: str, heard: str) -> None:
    told(text, History.of([heard]))
