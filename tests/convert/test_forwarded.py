"""Who wrote the mail inside another one, as the forwarder's client tells it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.forwarded import inline, is_unclear
from smtpintake.convert.forwardlocales import LOCALES, Label, announces, field
from smtpintake.convert.htmltext import as_text

BLOCK = (
    "From: Cara Roe <cara@customer.example>\nDate: Mon, 3 Nov 2025 10:00:00 +0100\nSubject: Printer on fire\nTo: Ana\n"
)
GMAIL = "---------- Forwarded message ---------\n" + BLOCK


def author(text: str, subject: str = "Fwd: Printer") -> str | None:
    found = inline(text, subject)
    return str(found.author.mailbox) if found else None


# ---- what clients write ----------------------------------------------------------------------------------------------


def test_author_subject_date_text_and_own_words() -> None:
    found = inline(f"Please look.\n\n{GMAIL}\nIt burns.\n\nAgain.\n", "Fwd: Printer")
    assert found is not None
    assert (str(found.author.mailbox), found.author.name) == ("cara@customer.example", "Cara Roe")
    assert (found.subject, found.date) == ("Printer on fire", datetime(2025, 11, 3, 9, tzinfo=UTC))
    assert (found.text, found.comment) == ("It burns.\n\nAgain.", "Please look.")


@pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: locale.language)
def test_every_row_reads_a_block_of_its_labels(locale) -> None:
    for mark in locale.marks.split("|"):
        for name in locale.author.split("|"):
            head = "\n".join(
                f"{label.split('|')[-1]}: value" for label in (locale.subject, locale.date, locale.to, locale.cc)
            )
            text = (
                f"See below.\n\n----- {mark} -----\n\n{name}: Cara Roe <cara@customer.example>\n{head}\n\nIt burns.\n"
            )
            found = inline(text, "")
            assert found is not None, (mark, name)
            assert (found.author.name, found.subject, found.text) == ("Cara Roe", "value", "It burns.")
            assert found.comment == "See below."


def test_no_label_means_two_fields() -> None:
    said = [(name.casefold(), label) for locale in LOCALES for name, label in locale.labels]
    assert len(dict(said)) == len(set(said))
    assert all(len(locale.months.split()) in (0, 12) for locale in LOCALES)
    assert len({locale.language for locale in LOCALES}) >= 20


@pytest.mark.parametrize(
    "block",
    [
        BLOCK,
        BLOCK.replace("From:", "*From:*"),
        "\n".join(f"**{line.replace(':', ':**', 1)}" for line in BLOCK.splitlines()) + "\n",  # HTML that became text
        BLOCK.replace("\n", "\n\n"),
        BLOCK.replace("To: Ana", "To: Ana,\n Bob"),
        BLOCK.replace("<cara@customer.example>", "[mailto:cara@customer.example]"),
        BLOCK.replace("<cara@customer.example>", "<cara@customer.example<mailto:cara@customer.example>>"),
        BLOCK.replace("Cara Roe <cara@customer.example>", "cara@customer.example <cara@customer.example>"),
        BLOCK.replace("Cara Roe <cara@customer.example>", "cara@customer.example"),
        f"________________________________\n{BLOCK}",
        f"-----Original Message-----\n{BLOCK}",
    ],
)
def test_outlook_says_only_in_the_subject_that_it_is_a_forward(block: str) -> None:
    text = f"Please look.\n\n{block}\nIt burns."
    found = inline(text, "WG: Printer on fire")
    assert found is not None
    assert str(found.author.mailbox) == "cara@customer.example"
    assert (found.text, found.comment) == ("It burns.", "Please look.")
    assert inline(text, "AW: Printer on fire") is None
    assert inline(text, "Printer on fire") is None


def test_apple_quotes_what_it_passes_on_and_what_stands_below_is_the_forwarders() -> None:
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in (*BLOCK.splitlines(), "", "It burns.", "> before"))
    found = inline(f"Begin forwarded message:\n\n{quoted}\nBest, Ana\n", "Fwd: Printer")
    assert found is not None
    assert (found.text, found.comment) == ("It burns.\n> before", "Best, Ana")


_FIELDS = {
    "From": 'Cara Roe &lt;<a href="mailto:cara@customer.example">cara@customer.example</a>&gt;',
    "Sent": "Friday, 6 March 2026 13:41",
    "To": "&lt;ana@example.org&gt;",
    "Subject": "Printer_on fire",
}


@pytest.mark.parametrize(
    "html",
    [
        '<p>Look</p><div style="border-top:solid #E1E1E1 1.0pt"><p>{bold}</p></div><p>&nbsp;</p><p>It burns.</p>',
        '<div>Look</div><hr tabindex="-1"><div id="divRplyFwdMsg">{bold}<div>&nbsp;</div></div><div>It burns.</div>',
        (
            '<div>Look<br><br><div class="gmail_quote"><div>---------- Forwarded message ---------<br>'
            "{plain}<br></div><br><br><div>It burns.</div></div></div>"
        ),
        "<div>Look</div><div>----- Forwarded Message -----</div>{divs}<div><br></div><div>It burns.</div>",
        (
            'Look<div class="moz-forward"><br><br>-------- Forwarded Message --------<table>{rows}</table><br>'
            "It burns.</div>"
        ),
    ],
    ids=["outlook", "outlook-web", "gmail", "yahoo", "thunderbird"],
)
def test_html_alone_is_read_as_the_text_it_becomes(html: str) -> None:
    found = inline(
        as_text(
            html.format(
                bold="<br>".join(f"<b>{name}:</b> {value}" for name, value in _FIELDS.items()),
                plain="<br>".join(f"{name}: {value}" for name, value in _FIELDS.items()),
                divs="".join(f"<div><b>{name}:</b> {value}</div>" for name, value in _FIELDS.items()),
                rows="".join(f"<tr><th>{name}: </th><td>{value}</td></tr>" for name, value in _FIELDS.items()),
            )
        ),
        "Fwd: Printer",
    )
    assert found is not None
    assert (str(found.author.mailbox), found.author.name) == ("cara@customer.example", "Cara Roe")
    assert (found.subject, found.date) == ("Printer_on fire", datetime(2026, 3, 6, 13, 41, tzinfo=UTC))
    assert (found.text, found.comment) == ("It burns.", "Look")


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("3. Nov. 2025 um 10:00 Uhr", 4),
        ("3 novembre 2025 à 10:00:00 UTC+1", 9),
        ("Monday, November 3, 2025, 10:00:00 PM -0400", 2),
        ("3 November 2025 at 10:00 CET", 9),
        ("2025. nov. 3., H, 10:00", 4),
        ("2025年11月3日 10:00", 4),
        ("3. 11. 2025 10:00", 4),
    ],
)
def test_a_time_without_a_zone_is_of_the_forwarders_clock(written: str, hour: int) -> None:
    text = GMAIL.replace("Mon, 3 Nov 2025 10:00:00 +0100", written)
    found = inline(text, "", timezone(timedelta(hours=6)))
    assert found is not None
    assert found.date is not None
    assert found.date.hour == hour


@pytest.mark.parametrize("written", ["03/11/2025 10:00", "3 November 2025", "31 February 2025 10:00", "yesterday", ""])
def test_a_date_that_is_not_certain_is_none(written: str) -> None:
    found = inline(GMAIL.replace("Mon, 3 Nov 2025 10:00:00 +0100", written), "")
    assert found is not None
    assert found.date is None


# ---- what is no forward, and what is not certain ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Please look.",
        "Forwarded message\n\nThat is all.",
        "---------- Forwarded message ---------\n\n\n\n\n\n" + BLOCK,
        "From: Cara Roe <cara@customer.example>\nPlease look.",
        GMAIL.replace("<cara@customer.example>", ""),
        GMAIL.replace("cara@customer.example", "cara@@customer..example"),
    ],
)
def test_no_author_is_found(text: str) -> None:
    assert author(text) is None


def test_an_answer_to_a_forward_is_none() -> None:
    text = f"On Mon, Nov 3, 2025 at 10:00 AM Bob <bob@example.org> wrote:\n\n> {GMAIL}\n> It burns."
    assert author(text, "Re: Fwd: Printer") is None
    assert author(f"Yes.\n\n{GMAIL}\nIt burns.", "Re: Printer") is None


@pytest.mark.parametrize(
    "name",
    [
        "boss@example.org",
        '"boss@example.org" <boss@example.org>',
        "Boss <boss@example.org> on behalf of",
        "boss@example.org on behalf of Cara",
    ],
)
def test_a_display_name_with_an_address_makes_the_author_uncertain(name: str) -> None:
    assert author(GMAIL.replace("Cara Roe", name)) is None


def test_a_field_that_comes_twice_makes_the_author_uncertain() -> None:
    assert author(GMAIL.replace("To: Ana", "From: Boss <boss@example.org>")) is None
    assert (
        author(GMAIL.replace("Subject: ", "Subject: a long one that wraps\nFrom: Boss <boss@example.org>\nX: ")) is None
    )
    assert (
        author("----- Forwarded Message ----- From: Boss <boss@example.org>From: Cara <cara@c.example>To: Ana") is None
    )


def test_only_the_topmost_block_counts() -> None:
    inner = GMAIL.replace("cara@customer.example", "boss@example.org")
    assert author(f"{GMAIL}\nSee below.\n\n{inner}\nOld words.") == "cara@customer.example"
    broken = GMAIL.replace("<cara@customer.example>", "(no address)")
    assert author(f"{broken}\nSee below.\n\n{inner}\nOld words.") is None


@pytest.mark.parametrize(
    "above",
    [
        "From: Eve\nSent: Friday, 6 March 2026 13:41\nTo: Ana\nSubject: Hello\n\n",  # Exchange, among colleagues
        "From: Eve\nFrom: Eve\n",
        "From: Eve\nSubject: Hello\n\n",
        "On 28/10/2021 12:46, Eve wrote:\n\n",
        "On 28/10/2021 12:46, <eve@evil.example> <boss@example.org> wrote:\n\n",
    ],
)
def test_a_block_without_a_certain_author_hides_what_stands_below_it(above: str) -> None:
    assert author(f"Please look.\n\n{above}Hi.\n\n{BLOCK}\nPay me.", "FW: Hello") is None
    assert author(f"Please look.\n\n{above}Hi.\n\n{GMAIL}\nPay me.", "FW: Hello") is None


def test_a_block_of_an_unknown_language_hides_what_stands_below_it() -> None:
    unknown = "Nork: Cara Roe <cara@customer.example>\nData: 2025(e)ko aza. 3(a)\nGaia: Printer\n\n"
    assert author(f"Begira.\n\n{unknown}{GMAIL}\nIt burns.") is None
    assert author(f"Begira.\n\n{unknown}{BLOCK}\nIt burns.") is None
    assert is_unclear(unknown)
    assert not is_unclear("Please call: cara@customer.example\nThanks")


def test_subject_and_name_are_one_line_without_controls() -> None:
    found = inline(GMAIL.replace("Printer on", "\x1b[2JPrinter\x1con").replace("Cara", "Ca\x1bra"), "")
    assert found is not None
    assert (found.subject, found.author.name) == ("[2JPrinter on fire", "Ca ra Roe")


def test_names_are_made_safe() -> None:
    found = inline(GMAIL.replace("Cara Roe", '"Ca\u202era\x00  Roe"'), "")
    assert found is not None
    assert found.author.name == "Cara Roe"


# ---- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "----------" * 30_000,
        "From: a@b.example\n" * 20_000,
        "----- Forwarded message ----- " + "From: To: " * 300,
        GMAIL + "> " * 200_000,
        GMAIL.replace("Cara Roe", "a@" * 150_000),
        "---------- Forwarded message ---------\nFrom:" + "\n " * 100_000,
        "On " + "2025 10:00 " * 30_000 + ":",
        '"' * 300_000 + " wrote:\n",
    ],
)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    inline(text, "Fwd: x")  # the deadline of the test run is what a quadratic reader would break


_LINES = st.sampled_from(
    [
        *GMAIL.splitlines(),
        "",
        "> From: x@y.example",
        "Von: A <a@b.example>",
        "Date: 31.12.2025 10:00",
        "On 1/2/2025 wrote:",
    ]
)


@given(st.lists(_LINES | st.text(max_size=40), max_size=30), st.sampled_from(["", "Fwd: x", "Re: x"]))
def test_any_text_gives_one_author_or_none(lines: list[str], subject: str) -> None:
    found = inline("\n".join(lines), subject)
    if found is not None:
        assert found.author.mailbox.folded in "\n".join(lines).casefold()
        assert found.date is None or found.date.tzinfo is UTC


@given(st.text(max_size=200))
def test_any_line_is_a_field_or_none(line: str) -> None:
    announces(line)
    found = field(line)
    assert found is None or found.label in Label
