"""Which inbox a recipient means, and that a transaction's recipients become one delivery an inbox."""

import pytest

from smtpintake.decide.analysis import Analysis
from smtpintake.decide.delivery import deliveries
from smtpintake.decide.policy import Policy, read_document
from smtpintake.decide.routing import Route, route
from smtpintake.mail.address import Mailbox
from smtpintake.mail.reason import Reason
from tests import make

POLICY = Policy(
    1,
    read_document(
        {
            "project": [{"key": "SUP", "name": "Support"}],
            "inbox": [
                {"name": "support", "addresses": ["Support@Example.org", "help@example.org"], "project": "SUP"},
                {"name": "billing", "addresses": ["support+billing@example.org"], "project": "SUP"},
                {"name": "rest", "addresses": ["@example.net", "@bücher.example"], "project": "SUP"},
                {"name": "old", "addresses": ["old@example.org"], "project": "SUP", "active": False},
            ],
        }
    ),
)


@pytest.mark.parametrize(
    ("recipient", "inbox", "how", "subaddress"),
    [
        ("support@example.org", "support", "exact", ""),
        ("SUPPORT@EXAMPLE.ORG", "support", "exact", ""),
        ("help@example.org", "support", "exact", ""),
        ("support+VIP@example.org", "support", "subaddress", "vip"),
        ("support+billing@example.org", "billing", "exact", ""),
        ("support+billing+x@example.org", "support", "subaddress", "billing+x"),
        ("anybody@example.net", "rest", "catch-all", ""),
        ("anybody+x@example.net", "rest", "catch-all", "x"),
        ("anybody@BÜCHER.example", "rest", "catch-all", ""),
        ("anybody@xn--bcher-kva.example", "rest", "catch-all", ""),
    ],
)
def test_a_recipient_leads_to_an_inbox(recipient: str, inbox: str, how: str, subaddress: str) -> None:
    found = route(POLICY, Mailbox.parse(recipient))
    assert isinstance(found, Route)
    assert (found.inbox, found.how, found.subaddress) == (inbox, how, subaddress)


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ("nobody@example.org", Reason.RCPT_UNKNOWN),
        ("nobody+support@example.org", Reason.RCPT_UNKNOWN),
        ("support@example.com", Reason.RCPT_DOMAIN),
        ("support@sub.example.org", Reason.RCPT_DOMAIN),
        ("old@example.org", Reason.RCPT_INACTIVE),
        ("old+x@example.org", Reason.RCPT_INACTIVE),
    ],
)
def test_a_recipient_that_leads_nowhere_says_why(recipient: str, reason: Reason) -> None:
    assert route(POLICY, Mailbox.parse(recipient)) is reason


@pytest.mark.parametrize(
    ("subaddress", "is_key"),
    [("abcdefgh23456722", True), ("ABCDEFGH23456722", True), ("abcdefgh2345672", False), ("abcdefgh23456789", False)],
)
def test_a_reply_key_survives_the_loss_of_its_case(subaddress: str, is_key: bool) -> None:
    found = route(POLICY, Mailbox.parse(f"support+{subaddress}@example.org"))
    assert isinstance(found, Route)
    assert found.reply_key == (subaddress.lower() if is_key else None)


def test_recipients_of_one_inbox_are_one_delivery_and_lost_ones_are_named() -> None:
    envelope = make.envelope("help@example.org", "x@example.net", "support@example.org", "gone@example.org")
    several, lost = deliveries(envelope, Analysis(make.message(), None), POLICY)
    assert [(each.inbox.name, [str(r) for r in each.recipients]) for each in several] == [
        ("support", ["help@example.org", "support@example.org"]),
        ("rest", ["x@example.net"]),
    ]
    assert [(str(each.recipient), each.reason) for each in lost] == [("gone@example.org", Reason.RCPT_UNKNOWN)]
    assert several[0].key != several[1].key


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"received_count": 5, "header": (("Received", "by another hop"),)}, True),
        ({"message_id": "other@customer.example"}, False),
        ({"body_sha256": "2" * 64}, False),
    ],
)
def test_a_delivery_is_named_by_what_does_not_change_on_the_way(changed: dict[str, object], same: bool) -> None:
    def key(**values: object) -> str:
        return deliveries(make.envelope(), Analysis(make.message(**values), None), POLICY)[0][0].key

    assert (key(**changed) == key()) is same


def test_mails_without_a_message_id_are_told_apart_by_author_date_and_subject() -> None:
    def key(**values: object) -> str:
        message = make.message(message_id=None, **values)
        return deliveries(make.envelope(), Analysis(message, None), POLICY)[0][0].key

    assert key() == key()
    assert len({key(), key(subject="x"), key(date=None), key(authors=(make.author("bob@x.example"),))}) == 4


def test_another_reverse_path_is_another_delivery() -> None:
    analysis = Analysis(make.message(), None)
    first = deliveries(make.envelope(mail_from="a@x.example"), analysis, POLICY)[0][0].key
    assert first != deliveries(make.envelope(mail_from=None), analysis, POLICY)[0][0].key
