"""What was known of a mail: it is read as it was written, in texts of earlier versions too, or not at all."""

from dataclasses import fields, replace

import pytest

from smtpintake.auth.results import UNVERIFIED
from smtpintake.decide.facts import Directory, Facts, Sender
from smtpintake.decide.pastfacts import PastFacts, read_past, remember, written
from smtpintake.decide.policy import Role
from smtpintake.decide.scan import Scan, Verdict
from smtpintake.mail.envelope import Listing, Login
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.verdicts import sealed, verdict

RULES = make.policy()
# What replay reads anew: from the mail, from the log row, from the policy that it asks for.
_READ_ANEW = {
    "message",
    "text",
    "files",
    "forwarded",
    "recipients",
    "route",
    "inbox",
    "delivery_key",
    "now",
    "proof",
    "commands",
}
_KEPT = {
    "envelope",
    "sender",
    "candidates",
    "earlier",
    "shared",
    "auth",
    "scans",
    "returned",
    "assignees",
    "standing",
    "directory",
    "sent",
    "stopped",
}
# What an operator says when a held mail is released.
_SAID = {"waived", "as_new"}


def test_every_fact_is_kept_or_can_be_read_anew() -> None:
    """A fact of another kind (a new field of Facts) is in PastFacts too, or else replay would ask today's
    database.
    """
    assert {field.name for field in fields(Facts)} == _READ_ANEW | _KEPT | _SAID


def test_a_mail_without_anything_special_takes_little() -> None:
    facts = make.facts(RULES)
    text = written(remember(facts.envelope, UNVERIFIED, (), [facts]))
    assert text == '{"rcpt_to":["support@example.org"],"inboxes":{"support":{}}}'


def test_what_was_written_is_read_again_whole() -> None:
    envelope = make.envelope(
        "support@example.org",
        "Bjørn@example.org",
        login=Login("printer", ("@example.org",)),
        lmtp=True,
        smtputf8=True,
        listings=(Listing("dnsbl.example", ("127.0.0.2",)),),
    )
    of_support = make.facts(
        RULES,
        envelope=envelope,
        auth=verdict("pass", "pass,fail x.example", "reject", aligned="spf,dkim", arc=sealed(dmarc="pass")),
        sender=make.sender(Role.AGENT, registered=False),
        candidates=(make.candidate(Reason.THREAD_KEY, key_owner="cara@customer.example"), make.candidate()),
        returned=True,
        assignees={"ana@example.org": replace(make.sender(Role.AGENT), name="Ana")},
        standing={3: make.standing(tags=("a", "b"))},
        directory=Directory({"ana@example.org": Sender(2, "Ana", {})}, {"Acme": 3}, "Acme"),
    )
    of_ops = replace(of_support, inbox=of_support.inbox.model_copy(update={"name": "ops"}), earlier=make.earlier())
    scans = (Scan("clamd", Verdict.CLEAN), Scan("rspamd", Verdict.SUSPECT, "add header: BAYES_SPAM 5.1", 7.5))
    past = remember(envelope, of_support.auth, scans, [of_support, of_ops])
    assert read_past(written(past)) == past
    assert past.inboxes["ops"].earlier == make.earlier()
    assert past.rcpt_to == ("support@example.org", "Bjørn@example.org")
    # What is the same for both inboxes is written once.
    assert written(past).count('"Cara"') == 1


def test_an_older_text_lacks_fields_and_a_newer_one_has_more() -> None:
    text = '{"rcpt_to":["a@example.org"],"sender":{"person_id":1,"name":"A","roles":{}},"mood":"fine"}'
    assert read_past(text) == PastFacts(("a@example.org",), sender=Sender(1, "A", {}))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"rcpt_to":["a"],"auth":{"spf":{"result":"sure"}}}'])
def test_a_text_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(ValueError):
        read_past(text)
