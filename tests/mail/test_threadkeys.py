"""Message-IDs, subject tokens, prefixes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.mail import threadkeys
from smtpintake.mail.parse import read
from smtpintake.mail.threadkeys import TokenKind
from tests.mail.letters import mail


@pytest.mark.parametrize(
    ("subject", "tokens"),
    [
        ("Re: [SUP-12] printer", [(TokenKind.PROJECT, "SUP", 12)]),
        ("[sup-12]", [(TokenKind.PROJECT, "SUP", 12)]),
        ("[ SUP-12 ]", [(TokenKind.PROJECT, "SUP", 12)]),
        ("[IN:000012] x", [(TokenKind.TYPE, "IN", 12)]),
        ("ticket #12, please", [(TokenKind.BARE, "", 12)]),
        ("#12", [(TokenKind.BARE, "", 12)]),
        ("[#12] a", [(TokenKind.BARE, "", 12)]),
        ("[SUP-2] [IN:3] #4", [(TokenKind.PROJECT, "SUP", 2), (TokenKind.TYPE, "IN", 3), (TokenKind.BARE, "", 4)]),
        ("[SUP-2] again [SUP-2]", [(TokenKind.PROJECT, "SUP", 2)]),
        ("SUP-12 without brackets", []),
        ("[SUP-0] #0", []),
        ("C#12 &#12; ##12 #12a #12-3 #fff http://x/#12", []),
        ("[SUP-12345678901234567890]", []),
        ("[SUP-1²]", []),
        ("", []),
    ],
)
def test_subject_tokens(subject: str, tokens: list[tuple[TokenKind, str, int]]) -> None:
    found = threadkeys.subject_tokens(subject)
    assert [(token.kind, token.name, token.number) for token in found] == tokens
    assert all(str(token) in subject for token in found)


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Printer", "Printer"),
        ("Re: Printer", "Printer"),
        ("RE: AW: Fwd: Printer", "Printer"),
        ("Re[2]: Printer", "Printer"),
        ("Antw: WG: SV: Printer", "Printer"),
        ("回复：打印机", "打印机"),  # noqa: RUF001
        ("Отв: Fw: x", "x"),
        ("Reading: a book", "Reading: a book"),
        ("Re:", "Re:"),
    ],
)
def test_base_subject(subject: str, base: str) -> None:
    assert threadkeys.base_subject(subject) == base


def test_forwards() -> None:
    assert threadkeys.is_forward("Fwd: x")
    assert threadkeys.is_forward("WG: x")
    assert not threadkeys.is_forward("Re: Fwd: x")


def test_message_ids() -> None:
    message = read(
        mail(
            "Message-ID: <m1@x.example>",
            "In-Reply-To: Your message of Monday <p1@x.example>",
            "References: <r1@x.example>\n <r2@x.ex\n ample>\t<p1@x.example> <r1@x.example>",
        )
    )
    assert message.message_id == "m1@x.example"
    assert message.in_reply_to == ("p1@x.example",)
    assert message.references == ("r1@x.example", "r2@x.example", "p1@x.example")
    assert message.thread_ids == ("p1@x.example", "r2@x.example", "r1@x.example")


@pytest.mark.parametrize(
    ("text", "found"),
    [("m@x.example", "m@x.example"), ("nonsense", None), ("", None), ("<>", None), (f"<{'x' * 500}@y>", None)],
)
def test_odd_message_ids(text: str, found: str | None) -> None:
    assert threadkeys.message_id(text) == found


def test_of_many_references_the_nearest_stay() -> None:
    found = threadkeys.message_ids(" ".join(f"<{number}@x.example>" for number in range(1000)))
    assert len(found) == threadkeys.MAX_IDS
    assert found[-1] == "999@x.example"


@given(st.text())
@settings(deadline=None)
def test_total(text: str) -> None:
    threadkeys.subject_tokens(text)
    threadkeys.base_subject(text)
    threadkeys.message_ids(text)
    threadkeys.message_id(text)
