"""What an agent passes on is the issue of whoever wrote it; and nobody else gains anything by a forward."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from smtpintake.auth.results import UNVERIFIED
from smtpintake.decide.policy import read_document
from smtpintake.mail.transfer import decoded
from smtpintake.store.configure import apply
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    LogRow,
    Organisation,
    OutboxMail,
    Participant,
    Person,
    RawMail,
    ThreadKey,
    Trace,
)
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.test_record import MIXED, World, mail

PROVED = verdict("pass", aligned="spf")
ANA = "Ana <ana@example.org>"
INSIDE = (
    "---------- Forwarded message ---------\r\nFrom: Cara Roe <cara@customer.example>\r\n"
    "Date: Mon, 3 Nov 2025 10:00:00 +0100\r\nSubject: Printer on fire\r\nTo: Ana <ana@example.org>\r\n"
    "Cc: Eve <eve@evil.example>\r\n\r\n"
)
FORWARD = f"Please take care of her.\r\n\r\n{INSIDE}It burns.\r\n"
EML = (
    "From: Cara Roe <cara@customer.example>\r\nTo: ana@example.org\r\nSubject: Printer on fire\r\n"
    "Date: Mon, 3 Nov 2025 10:00:00 +0100\r\nMessage-ID: <first@customer.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nIt burns.\r\n"
    "--y\r\nContent-Type: application/pdf; name=fire.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "aGVsbG8gd29ybGQ=\r\n--y--\r\n"
)
CARRYING = (
    "--x\r\nContent-Type: text/plain\r\n\r\n{comment}\r\n"
    "--x\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n{eml}\r\n"
    "--x\r\nContent-Type: image/png; name=shot.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--x--\r\n"
)


class Desk(World):
    """One inbox, whose settings each test says."""

    def __init__(self, **inbox: Any) -> None:
        super().__init__()
        support = {"name": "support", "addresses": ["support@example.org"], "unknown_senders": "create"}
        document = {
            "project": [{"key": "SUP", "name": "Support", "default": True}],
            "inbox": [support | inbox],
            "organisation": [{"name": "Acme", "domains": ["customer.example"]}, {"name": "Us"}],
            "person": [
                {"name": "Ana", "addresses": ["ana@example.org"], "roles": {"SUP": "agent"}, "organisation": "Us"},
                {"name": "Memo", "addresses": ["memo@example.org"], "roles": {"SUP": "member"}},
            ],
        }
        with self.database.writing() as session:
            apply(session, read_document(document), "test", prune=False, now=make.NOW)

    def takes(self, *, author: str = ANA, subject: str = "Fwd: Printer on fire", **values: Any) -> str:
        (reply,) = self.submit(mail(author=author, subject=subject, **{"auth": PROVED, "body": FORWARD} | values))
        return reply

    @property
    def issue(self) -> Issue:
        found = self.rows(Issue)[-1]
        assert isinstance(found, Issue)
        return found

    def found(self, check: str) -> list[str]:
        """What the newest mail's trace has of one check."""
        newest = self.rows(LogRow)[-1].id
        (trace,) = [trace for trace in self.rows(Trace) if trace.log_id == newest]
        return [f"{one['result']}: {one['detail']}" for one in trace.findings if one["check"] == check]


@pytest.fixture
def desks() -> Iterator[list[Desk]]:
    opened: list[Desk] = []
    yield opened
    for desk in opened:
        desk.database.close()


@pytest.fixture
def desk(desks: list[Desk]) -> Desk:
    desks.append(Desk())
    return desks[0]


# ---- an agent's word -------------------------------------------------------------------------------------------------


def test_the_author_of_the_mail_inside_owns_the_issue(desk: Desk) -> None:
    assert "created" in desk.takes()
    issue = desk.issue
    assert (issue.reporter_address, issue.reporter_name) == ("cara@customer.example", "Cara Roe")
    assert (issue.title, issue.body_text) == ("Printer on fire", "It burns.")
    assert issue.sent_at == datetime(2025, 11, 3, 9, tzinfo=UTC)
    assert issue.created_at == make.NOW
    assert issue.proof == "none"
    assert desk.found("forwarded") == ["author: cara@customer.example owns it"]


def test_the_forwarders_own_text_is_an_internal_note_and_nowhere_else(desk: Desk) -> None:
    desk.takes()
    (note,) = desk.rows(Comment)
    assert (note.internal, note.body_text, note.author_address) == (True, "Please take care of her.", "ana@example.org")
    assert note.proof == "aligned"
    assert note.author_id == next(person.id for person in desk.rows(Person) if person.name == "Ana")
    issue = desk.issue
    for text in (issue.body_text, issue.body_html or "", issue.hidden_text):
        assert "Please take care" not in text
    assert "Eve <eve@evil.example>" in issue.hidden_text  # nothing is lost: the head of the mail inside


def test_a_forward_without_a_word_makes_no_note(desk: Desk) -> None:
    desk.takes(body=f"{INSIDE}It burns.\r\n")
    desk.takes(body=f"-- \r\nAna, Support\r\n\r\n{INSIDE}It smokes.\r\n")
    assert desk.rows(Comment) == []
    assert "Ana, Support" in desk.issue.hidden_text


def test_only_the_author_of_the_mail_inside_takes_part(desk: Desk) -> None:
    """Neither whom an unproved mail names in its Cc, nor the agent, who may write anyhow."""
    desk.takes()
    assert [(one.address, one.role) for one in desk.rows(Participant)] == [("cara@customer.example", "reporter")]


def test_nobody_is_answered_and_nobody_becomes_known(desk: Desk) -> None:
    desk.takes()
    assert desk.rows(OutboxMail) == []
    assert desk.found("auto_reply") == ["none: the mail was passed on by an agent"]
    assert {person.name for person in desk.rows(Person)} == {"Ana", "Memo"}


def test_the_organisation_is_that_of_the_author_inside(desk: Desk) -> None:
    desk.takes()
    names = {one.id: one.name for one in desk.rows(Organisation)}
    assert names[desk.issue.organisation_id] == "Acme"


def test_the_customer_may_go_on_with_what_an_agent_passed_on(desk: Desk) -> None:
    desk.takes(message_id="forward@example.org", extra="References: <first@customer.example>\r\n")
    reply = desk.takes(
        author="Cara <cara@customer.example>",
        subject="Re: Printer on fire",
        body="Still.\r\n",
        extra="In-Reply-To: <first@customer.example>\r\n",
    )
    assert "SUP-1 commented" in reply


def test_commands_above_a_forward_are_the_agents(desk: Desk) -> None:
    desk.takes(body=f"#priority high\r\n#colour red\r\n\r\nPlease.\r\n\r\n{INSIDE}#status closed\r\n\r\nIt burns.\r\n")
    issue = desk.issue
    assert (issue.priority, issue.status, issue.body_text) == ("high", "open", "#status closed\n\nIt burns.")
    (note,) = desk.rows(Comment)
    assert note.body_text == "#colour red\n\nPlease."


# ---- as an attachment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["Fwd: Printer on fire", "WG: something", "", "Printer on fire"])
def test_an_attached_mail_is_passed_on_with_its_attachments(desk: Desk, subject: str) -> None:
    desk.takes(subject=subject, extra=MIXED, body=CARRYING.format(comment="See inside.", eml=EML))
    issue = desk.issue
    assert (issue.reporter_address, issue.title, issue.body_text) == (
        "cara@customer.example",
        "Printer on fire",
        "It burns.",
    )
    assert issue.sent_at == datetime(2025, 11, 3, 9, tzinfo=UTC)
    (note,) = desk.rows(Comment)
    assert (note.body_text, note.internal) == ("See inside.", True)
    of_issue = [one for one in desk.rows(Attachment) if one.comment_id is None]
    assert [one.name for one in of_issue] == ["Printer on fire.eml", "fire.pdf"]
    assert [one.name for one in desk.rows(Attachment) if one.comment_id == note.id] == ["shot.png"]
    # Both are views of the mail that came, which is kept once.
    (raw,) = desk.rows(RawMail)
    opened = [b"".join(decoded(raw.octets, one.offset, one.length, one.encoding)) for one in of_issue]
    assert opened == [EML.encode(), b"hello world"]


def test_what_an_inbox_denies_is_denied_inside_a_mail_that_is_passed_on(desks: list[Desk]) -> None:
    for outcome in ("drop", "reject"):
        desk = Desk(attachments={"denied": [".pdf"], "on_unwanted": outcome})
        desks.append(desk)
        reply = desk.takes(extra=MIXED, body=CARRYING.format(comment="See inside.", eml=EML))
        assert reply.startswith("250" if outcome == "drop" else "55")
        assert "fire.pdf" not in [one.name for one in desk.rows(Attachment)]


@pytest.mark.parametrize(
    ("subject", "comment", "eml"),
    [
        ("Re: Printer on fire", "See inside.", EML),
        ("A question of my own", "What is this?", EML),
        ("Fwd: x", "See inside.", EML.replace("From:", "X-From:", 1)),
        ("Fwd: x", "See inside.", EML.replace("From:", "From: eve@evil.example\r\nFrom:", 1)),
        # An attacker's mail may carry another one: their own client's head, in a language that we do not read.
        ("Fwd: x", "Nork: Eve <eve@evil.example>\r\nData: 2025(e)ko aza. 3(a)\r\nGaia: x\r\n\r\nHi.", EML),
    ],
)
def test_an_attached_mail_is_only_an_attachment(desk: Desk, subject: str, comment: str, eml: str) -> None:
    desk.takes(subject=subject, extra=MIXED, body=CARRYING.format(comment=comment, eml=eml))
    assert desk.issue.reporter_address == "ana@example.org"
    assert desk.rows(Comment) == []


def test_what_stands_in_the_text_counts_before_what_is_attached(desk: Desk) -> None:
    """The customer, whose mail an agent passes on inline, attached a mail of somebody else."""
    boss = EML.replace("Cara Roe <cara@customer.example>", "Boss <boss@example.org>")
    desk.takes(extra=MIXED, body=CARRYING.format(comment=FORWARD, eml=boss))
    assert desk.issue.reporter_address == "cara@customer.example"


def test_nested_mails_are_the_content_of_the_first(desk: Desk) -> None:
    inner = INSIDE.replace("cara@customer.example", "boss@example.org")
    desk.takes(body=f"{INSIDE}See below.\r\n\r\n{inner}Old words.\r\n")
    assert desk.issue.reporter_address == "cara@customer.example"
    assert "boss@example.org" in desk.issue.body_text
    nested = EML.replace("It burns.", f"See below.\r\n\r\n{inner}Old words.")
    desk.takes(extra=MIXED, body=CARRYING.format(comment="", eml=nested))
    assert desk.issue.reporter_address == "cara@customer.example"


# ---- who is no agent, and what an attacker may try -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"author": "Eve <eve@customer.example>"}, "the forwarder is nobody of ours"),
        ({"author": "Memo <memo@example.org>"}, "no right to agent in SUP"),
        ({"auth": UNVERIFIED}, "the forwarder's proof is none"),
    ],
)
@pytest.mark.parametrize("require", ["none", "aligned"])
def test_the_word_of_others_counts_for_nothing(desks: list[Desk], require: str, values: Any, why: str) -> None:
    desk = Desk(require=require)
    desks.append(desk)
    desk.takes(**values)
    issue = desk.issue
    assert issue.reporter_address not in ("cara@customer.example", "")
    assert (issue.title, issue.hidden_text) == ("Fwd: Printer on fire", "")
    assert issue.body_text.startswith("Please take care of her.")
    assert desk.rows(Comment) == []
    assert "cara@customer.example" not in [one.address for one in desk.rows(Participant)]
    (said,) = desk.found("forwarded")
    assert said.startswith("as-is: of cara@customer.example: ")
    assert why in said


def test_an_agent_who_was_retired_forwards_nothing(desk: Desk) -> None:
    (ana,) = [person for person in desk.rows(Person) if person.name == "Ana"]
    with desk.database.writing() as session:
        session.get_one(Person, ana.id).active = False
    assert desk.takes().startswith("550")


@pytest.mark.parametrize("whose", ["ana@example.org", "support@example.org", "support+key@example.org"])
def test_neither_the_agent_nor_an_inbox_becomes_the_author_inside(desk: Desk, whose: str) -> None:
    desk.takes(body=FORWARD.replace("cara@customer.example", whose))
    assert desk.issue.reporter_address == "ana@example.org"
    assert desk.found("forwarded")[0].startswith("as-is: ")


@pytest.mark.parametrize(
    "inside",
    [
        INSIDE.replace("Cara Roe", '"Boss <boss@example.org>"'),
        INSIDE.replace("Cara Roe", "boss@example.org"),
        INSIDE.replace("To: Ana", "From: Boss <boss@example.org>\r\nTo: Ana"),
        INSIDE.replace("Subject: ", "Subject: x\r\nFrom: Boss <boss@example.org>\r\nTo: "),
    ],
)
def test_an_author_who_is_named_in_two_ways_is_none(desk: Desk, inside: str) -> None:
    desk.takes(body=f"{inside}It burns.\r\n")
    assert desk.issue.reporter_address == "ana@example.org"


@pytest.mark.parametrize("how", ["references", "subject"])
def test_a_stranger_gets_nothing_into_an_issue_by_an_agents_forward(desk: Desk, how: str) -> None:
    """zammad#4965: clients copy References and subject of what they pass on, and the agent may write to any issue."""
    desk.takes(
        author="Dora <dora@customer.example>", subject="Secret", body="Hi.\r\n", message_id="d1@customer.example"
    )
    eve = INSIDE.replace("Cara Roe <cara@customer.example>", "Eve <eve@evil.example>")
    if how == "references":
        reply = desk.takes(body=f"{eve}Pay me.\r\n", extra="References: <d1@customer.example> <e1@evil.example>\r\n")
    else:
        eve = eve.replace("Printer on fire", "[SUP-1] Hello")
        reply = desk.takes(subject="Fwd: [SUP-1] Hello", body=f"{eve}Pay me.\r\n")
    assert "SUP-2 created" in reply
    assert desk.issue.reporter_address == "eve@evil.example"
    assert [(link.kind, link.other_id) for link in desk.rows(IssueLink)] == [("mentions", 1)]
    # The ids of the other issue stay its own.
    assert [key.issue_id for key in desk.rows(ThreadKey) if key.value == "d1@customer.example"] == [1]


def test_what_an_agent_passes_on_of_a_participant_belongs_to_their_issue(desk: Desk) -> None:
    first = {"author": "Cara <cara@customer.example>", "subject": "Printer", "body": "Hi.\r\n"}
    desk.takes(**first, message_id="first@customer.example")
    assert "SUP-1 commented" in desk.takes(extra="References: <first@customer.example>\r\n")


def test_a_token_that_the_agent_wrote_is_followed(desk: Desk) -> None:
    desk.takes(author="Dora <dora@customer.example>", subject="Secret", body="Hi.\r\n")
    assert "SUP-1 commented" in desk.takes(subject="Fwd: [SUP-1] Printer on fire")


def test_an_inbox_that_holds_what_is_out_of_place_takes_forwards(desks: list[Desk]) -> None:
    desk = Desk(unentitled="hold")
    desks.append(desk)
    desk.takes(
        author="Dora <dora@customer.example>", subject="Secret", body="Hi.\r\n", message_id="d1@customer.example"
    )
    assert "SUP-2 created" in desk.takes(extra="References: <d1@customer.example>\r\n")


@pytest.mark.setting("inbox.forwards")
def test_an_inbox_may_take_forwards_as_they_are(desks: list[Desk]) -> None:
    desk = Desk(forwards="as-is")
    desks.append(desk)
    desk.takes()
    assert (desk.issue.reporter_address, desk.issue.title) == ("ana@example.org", "Fwd: Printer on fire")
    assert desk.found("forwarded") == ["as-is: of cara@customer.example: inbox support takes forwards as they are"]
