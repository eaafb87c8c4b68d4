"""What was not processed goes on to somebody else: whole, in a mail of our own, and never in circles."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from smtpintake.compose.replyaddress import loop_mark
from smtpintake.decide.policy import PolicyError, read_document
from smtpintake.intake.forwarding import MAX_RECENT
from smtpintake.store.schema import LogRow, OutboxMail, Trace
from tests.intake import office as offices
from tests.intake.office import Office, opened
from tests.intake.test_record import SECRET, mail

TEAM = "team@elsewhere.example"
AS_IT_CAME = "Grüße, das Gerät brennt.\r\n"


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    yield from opened(database_url, tmp_path)


def forwarded(office: Office) -> list[OutboxMail]:
    return [each for each in office.rows(OutboxMail) if each.kind == "forward"]


def findings(office: Office) -> list[dict[str, str]]:
    return [finding for trace in office.rows(Trace) for finding in trace.findings if finding["check"] == "forward"]


@pytest.mark.setting("inbox.forward_unprocessed_to")
def test_held_mail_is_forwarded_as_it_came(office: Office) -> None:
    office.configure(forward_unprocessed_to=TEAM)
    given = mail(body=AS_IT_CAME, extra="Content-Type: text/plain; charset=utf-8\r\n")
    office.submit(given)
    (sent,), (row,) = forwarded(office), office.rows(LogRow)
    assert (sent.rcpt_to, sent.mail_from, sent.log_id) == (TEAM, "", row.id)
    message = message_from_bytes(sent.octets, _class=EmailMessage, policy=policy.SMTP)
    assert message["Subject"] == "Fwd: Printer on fire"
    assert (message["From"], message["Auto-Submitted"]) == ("Support <support@example.org>", "auto-generated")
    assert message["X-Smtpintake-Loop"] == loop_mark(SECRET)
    note, attached = message.iter_parts()
    text = note.get_body(("plain",))
    assert text is not None
    assert "Not processed: held, sender.unknown" in text.get_content()
    assert row.id in text.get_content()
    assert attached.get_filename() == "original.eml"
    assert attached.get_content() == given.raw.octets, "octet by octet"
    assert findings(office) == [{"check": "forward", "result": "queued", "detail": f"to {TEAM}"}]
    assert office.find(row.id).check == "unknown_senders", "what was done later did not hold it"


def test_discarded_mail_is_forwarded_and_accepted_or_refused_mail_is_not(office: Office) -> None:
    office.configure(
        forward_unprocessed_to=TEAM,
        ignored_senders=["@ignored.example"],
        denied_senders=["@denied.example"],
        unknown_senders="create",
    )
    office.submit(mail(author="a@ignored.example"), mail(author="b@denied.example"), mail())
    (sent,) = forwarded(office)
    assert b"discarded, sender.ignored" in sent.octets


def test_a_mail_that_a_rule_refuses_is_forwarded_and_one_that_is_released_is_not_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"name": "no", "when": {"subject": "Printer"}, "then": {"reject": {"code": 550, "text": "no printers"}}}
    without = offices.policy
    monkeypatch.setattr(offices, "policy", lambda *people, **inbox: {**without(*people, **inbox), "rule": [rule]})
    office.configure(forward_unprocessed_to=TEAM)
    office.submit(mail(), mail(subject="Fire"))
    assert len(forwarded(office)) == 2
    assert [row.outcome for row in office.rows(LogRow)].count("rejected") == 1
    office.configure(ignored_senders=["@customer.example"], forward_unprocessed_to=TEAM)
    released = office.release()
    assert released is not None
    assert office.row(released.log_ids[0]).outcome == "discarded"
    assert len(forwarded(office)) == 2


def test_our_own_mail_come_back_is_not_forwarded(office: Office) -> None:
    office.configure(forward_unprocessed_to=TEAM)
    office.submit(mail(extra=f"X-Smtpintake-Loop: {loop_mark(SECRET)}\r\n"))
    assert forwarded(office) == []
    assert findings(office)[0]["detail"] == "the mail carries our own loop mark"


def test_nothing_is_forwarded_to_ourselves(office: Office) -> None:
    with pytest.raises(PolicyError, match="is an inbox of ours"):
        read_document(offices.policy(forward_unprocessed_to="open@example.org"))
    office.configure(forward_unprocessed_to="open+x@example.org")
    office.submit(mail())
    assert forwarded(office) == []
    assert "leads back to us" in findings(office)[0]["detail"]


def test_a_flood_is_not_passed_on(office: Office) -> None:
    office.configure(forward_unprocessed_to=TEAM)
    office.submit(*(mail() for _ in range(MAX_RECENT - 1)))
    office.submit(mail(), mail())
    assert len(forwarded(office)) == MAX_RECENT
    assert [finding["result"] for finding in findings(office)].count("none") == 1
