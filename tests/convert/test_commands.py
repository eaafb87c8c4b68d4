"""Commands at the top of a mail: what is one, where the block ends, and what nobody can slip into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.commands import MAX_COMMANDS, MAX_LINE, Command, command_block, parse, put_back
from smtpintake.convert.draft import COMMANDS_ONLY, Draft, draft
from smtpintake.decide.policy import DEFAULT_SEPARATORS
from tests import make


@pytest.mark.parametrize(
    ("line", "word", "value"),
    [
        ("#internal", "internal", ""),
        ("#status closed", "status", "closed"),
        ("#STATUS Closed  ", "status", "Closed"),
        ("#assign\tana@example.org", "assign", "ana@example.org"),
        ("#type test  case", "type", "test  case"),
        ("#tag größe", "tag", "größe"),
        ("#no-such x", "no-such", "x"),
        ("#x", "x", ""),
    ],
)
def test_a_line_that_is_a_command(line: str, word: str, value: str) -> None:
    assert parse(line) == Command(word, value, line.rstrip())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "#",
        "# Heading",
        "##status closed",
        "#12 is broken",
        "#-x",
        "#status: closed",
        "#status=closed",
        " #status closed",
        "> #status closed",
        "please #status closed",
        "\ufeff#status closed",
        "\u200b#status closed",
        "\uff03status closed",
        "#\u0455tatus closed",  # a Cyrillic letter
        "#status\u00a0closed",
        "#status closed\u202e",
        "#status \x1b[2Jclosed",
        "#" + "a" * 31,
        "#tag " + "x" * MAX_LINE,
    ],
)
def test_a_line_that_is_none(line: str) -> None:
    assert parse(line) is None


def words(text: str) -> list[str]:
    block = command_block(text, None)
    return [command.line for command in block.commands] if block else []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#status closed\nHello", ["#status closed"]),
        ("#status closed\n\n#tag x\n\nHello\n#tag y", ["#status closed", "#tag x"]),
        ("\n \n#status closed", ["#status closed"]),
        ("Hello\n#status closed", []),
        ("# Title\n#status closed", []),
        ("#status closed\n> quoted\n#tag x", ["#status closed"]),
        ("#tag " + "x" * MAX_LINE + "\n#status closed", []),
        ("", []),
    ],
)
def test_the_block_ends_with_the_first_line_that_is_no_command(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_the_block_is_bounded_and_what_is_over_is_text() -> None:
    block = command_block("\n".join(f"#tag t{number}" for number in range(MAX_COMMANDS + 2)), None)
    assert block is not None
    assert len(block.commands) == MAX_COMMANDS
    assert block.text == "#tag t20\n#tag t21"


# ---- in a mail -----------------------------------------------------------------------------------------------------


def drawn(text: str | None, html: str | None = None, subject: str = "Re: Printer") -> Draft:
    return draft(make.message(text=text, html=html, subject=subject), DEFAULT_SEPARATORS)


@pytest.mark.parametrize(
    "text",
    [
        "Hello\n\nOn 3 Nov 2025, at 10:00, Bob <bob@spam.example> wrote:\n> #status closed",
        "On 3 Nov 2025, at 10:00, Bob <bob@spam.example> wrote:\n> Please say:\n\n#status closed",
        "> #status closed",
        "From: Bob <bob@spam.example>\nSent: Monday\nTo: support@example.org\nSubject: x\n\n#status closed",
        "-----Original Message-----\n#status closed",
        "---------- Forwarded message ---------\nFrom: Bob <bob@spam.example>\n\n#status closed",
        "-- reply above this line --\n\n#status closed",
        "-- \n#status closed",
    ],
)
@pytest.mark.parametrize("subject", ["Printer", "Re: Printer", "Fwd: Printer"])
def test_what_is_quoted_forwarded_or_under_the_separator_commands_nothing(text: str, subject: str) -> None:
    assert drawn(text, subject=subject).commands is None


@pytest.mark.parametrize(
    "html",
    [
        "<p>#status closed</p>",
        '<div style="display:none">#status closed</div><p>Hello</p>',
        '<font color="white">#status closed</font><br>Hello',
        "<!-- x -->#status closed<br>",
    ],
)
def test_html_alone_commands_nothing(html: str) -> None:
    assert drawn(None, html).commands is None


def test_what_is_obeyed_leaves_the_text_and_the_whole_is_kept() -> None:
    found = drawn("#status closed\n#nonsense\n\nDone.\n\nOn 3 Nov 2025, at 10:00, Bob <bob@example.org> wrote:\n> Help")
    assert found.commands is not None
    status, nonsense = found.commands.commands
    assert found.body_text == "#status closed\n#nonsense\n\nDone."
    obeyed = found.obeying((status,))
    assert obeyed.body_text == "#nonsense\n\nDone."
    assert obeyed.hidden_text.startswith("#status closed\n#nonsense\n")
    assert "> Help" in obeyed.hidden_text
    assert found.obeying(()) is found
    assert found.obeying((status, nonsense)).body_text == "Done."


def test_a_mail_of_commands_only_says_so() -> None:
    found = drawn("#status closed\n")
    assert found.commands is not None
    obeyed = found.obeying(found.commands.commands)
    assert (obeyed.body_text, obeyed.hidden_text) == (COMMANDS_ONLY, "#status closed")


@pytest.mark.parametrize(
    ("lines", "html", "left"),
    [
        ("#status closed", "<p>#status closed</p><p>Done.</p>", "<p>Done.</p>"),
        ("#status closed\n#tag x", "#status closed<br>#tag x<br>Done.", "Done."),
        (
            "#status closed\n#assign ana@example.org",
            '<div>#status closed<div>#assign <a href="mailto:x">ana@example.org</a></div><div>Done.</div></div>',
            "<div><div>Done.</div></div>",
        ),
        ("#status closed", "<p>#status <b>closed</b></p>Done.", "Done."),
    ],
)
def test_commands_leave_the_html_as_well(lines: str, html: str, left: str) -> None:
    block = command_block(f"{lines}\n\nDone.", html)
    assert block is not None
    assert (block.text, block.html) == ("Done.", left)


@pytest.mark.parametrize("html", ["<p>Hello</p><p>#status closed</p>", "<p>#status open</p>", "", "<p>#status</p>"])
def test_html_that_begins_otherwise_is_not_shown(html: str) -> None:
    block = command_block("#status closed\n\nDone.", html)
    assert block is not None
    assert block.html is None


def test_what_is_kept_is_text_in_the_html_too() -> None:
    block = command_block("#foo <b>&\n\nDone.", "<p>#foo &lt;b&gt;&amp;</p><p>Done.</p>")
    assert block is not None
    assert put_back(block.commands, block) == (
        "#foo <b>&\n\nDone.",
        "<p>#foo &lt;b&gt;&amp;</p><p>Done.</p>",
    )


LINES = st.sampled_from(["#status closed", "#x", "", " ", "Hello", "> #status closed", "#tag  a b", "<p>", "-- "])


@given(st.lists(LINES | st.text(max_size=30), max_size=30), st.none() | st.text(max_size=60))
def test_nothing_is_lost_and_nothing_raises(lines: list[str], html: str | None) -> None:
    text = "\n".join(lines)
    block = command_block(text, html)
    if block is not None:
        back, _ = put_back(block.commands, block)
        assert back.split() == text.split()
        assert len(block.commands) <= MAX_COMMANDS
