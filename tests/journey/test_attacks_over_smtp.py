"""Some attacks over a real socket, with what a real DNS server says: nothing is lost on the way in."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session, select

from smtpintake.store.database import Database
from smtpintake.store.schema import Comment, Issue, IssueLink, ThreadKey
from tests.auth.signing import rsa_key, sealed, signed
from tests.dns import Node, dns_server
from tests.journey.test_authentication import House
from tests.mail.letters import mail
from tests.server import Server

POLICY = """\
[[project]]
key = "SUP"
name = "Support"

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
trusted_sealers = ["lists.example"]

[[person]]
name = "Ana"
addresses = ["ana@agents.example"]
roles = { SUP = "agent" }
"""
KEY, EVES_KEY = rsa_key(), rsa_key(number=1)
ZONE: dict[str, Node] = {
    "customer.example": {"TXT": "v=spf1 ip4:127.0.0.1 -all"},
    "evil.example": {"TXT": "v=spf1 ip4:127.0.0.1 -all"},
    "s1._domainkey.evil.example": {"TXT": EVES_KEY.record},
    "s1._domainkey.lists.example": {"TXT": KEY.record},
    "s1._domainkey.agents.example": {"TXT": KEY.record},
    "strict.example": {"TXT": "v=spf1 -all"},
    "_dmarc.strict.example": {"TXT": "v=DMARC1; p=reject"},
}
CARA, EVE, ANA = "cara@customer.example", "eve@evil.example", "ana@agents.example"
FIRST = "first@customer.example"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server that asks a DNS server, and has Cara's issue SUP-1."""
    with dns_server(ZONE) as zone:
        server = Server(
            tmp_path_factory.mktemp("attacks"),
            {"SMTPINTAKE_AUTHENTICATION__VERIFY": "true", "SMTPINTAKE_DNS__NAMESERVERS": zone.address},
        )
        server.prepare(POLICY)
        server.start()
        house = House(server, zone)
        house.told(letter(CARA, f"Message-ID: <{FIRST}>"), CARA)
        yield house
        server.stop()


def letter(author: str, *fields: str, body: str = "Help!\n") -> bytes:
    return mail("Date: Mon, 2 Mar 2026 10:00:00 +0000", "Subject: Printer", *fields, author=author, body=body)


def rows(house: House, model: type[Any]) -> list[Any]:
    database = Database(f"sqlite:///{house.server.database}")
    with Session(database.engine) as session:
        found = list(session.scalars(select(model)))
    database.close()
    return found


REFERS = f"In-Reply-To: <{FIRST}>"
CLAIM = "lists.example; dmarc=pass header.from=agents.example"
ATTACKS = {
    "a second From": (letter(EVE, f"From: {CARA}", REFERS), "author.several"),
    "two addresses in From": (letter(f"{EVE}, {CARA}", REFERS), "author.several"),
    "a display name that is an address": (letter(f"{CARA} <{EVE}>", REFERS), "author.invalid"),
    "a domain that disowns it": (letter("ceo@strict.example", REFERS), "auth.dmarc"),
    "a stranger who knows the Message-ID": (letter(EVE, REFERS), "thread.new"),
    "an agent without proof": (letter(ANA, REFERS, "Message-ID: <1@evil.example>"), "thread.new"),
    "an agent by our own word": (
        letter(
            ANA,
            REFERS,
            "Message-ID: <7@evil.example>",
            "Authentication-Results: mx.example.org; dmarc=pass header.from=agents.example",
        ),
        "thread.new",
    ),
    "an agent with another's signature": (
        signed(letter(ANA, REFERS, "Message-ID: <2@evil.example>"), "evil.example", "s1", EVES_KEY),
        "thread.new",
    ),
    "an agent by a forged seal": (
        sealed(letter(ANA, REFERS, "Message-ID: <3@evil.example>"), "lists.example", "s1", EVES_KEY, CLAIM),
        "thread.new",
    ),
    "an agent's mail with a field more": (
        b"Subject: Pay\r\n" + signed(letter(ANA, REFERS, "Message-ID: <4@evil.example>"), "agents.example", "s1", KEY),
        "thread.new",
    ),
}


@pytest.mark.parametrize(("raw", "reason"), ATTACKS.values(), ids=ATTACKS.keys())
def test_it_gains_no_right(house: House, raw: bytes, reason: str) -> None:
    before = len(rows(house, Issue))
    code, _, row = house.told(raw, EVE)
    assert row["reason"] == reason
    assert (code == 250, len(rows(house, Issue)) - before) == ((True, 1) if reason == "thread.new" else (False, 0))
    assert rows(house, Comment) == []
    if reason == "thread.new":
        newest = max(rows(house, Issue), key=lambda issue: issue.id)
        first = min(rows(house, Issue), key=lambda issue: issue.id)
        assert (newest.id, first.id) in {(link.issue_id, link.other_id) for link in rows(house, IssueLink)}


def test_a_reply_key_is_of_use_to_whom_it_was_given_alone(house: House) -> None:
    (first, *_) = [row for row in rows(house, ThreadKey) if row.kind == "reply-key" and row.owner == CARA]
    to = f"support+{first.value}@example.org"
    _, _, row = house.told(letter(EVE, "Message-ID: <5@evil.example>"), EVE, to)
    assert (row["outcome"], row["reason"]) == ("created", "thread.new")
    _, _, row = house.told(letter(CARA, "Message-ID: <6@evil.example>"), CARA, to)
    assert (row["outcome"], row["reason"], row["issue"]) == ("commented", "thread.key", "SUP-1")


def test_a_mail_smuggled_behind_another_is_neither(house: House) -> None:
    """One reader ends DATA at a dot that another takes for text (RFC 5321 s2.3.8)."""
    inner = letter(ANA, REFERS).replace(b"\r\n", b"\n").decode()
    with house.server.client() as client:
        client.ehlo("mx.evil.example")
        client.mail(EVE)
        client.rcpt("support@example.org")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(letter(EVE) + b"\n.\r\nMAIL FROM:<ana@agents.example>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n")
        client.send(inner.replace("\n", "\r\n").encode() + b"\r\n.\r\n")
        code, text = client.getreply()
    assert code == 550
    assert b"data.newline" in text
    assert ANA not in {comment.author_address for comment in rows(house, Comment)}
