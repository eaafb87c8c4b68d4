"""Who sent this? Mail over a real socket, judged with what a real DNS server says of its sender."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from smtpintake.store.database import Database
from smtpintake.store.maillog import log_view
from tests import dns
from tests.auth.signing import rsa_key, sealed, signed
from tests.dns import DROP, SERVFAIL, dns_server
from tests.mail.letters import mail
from tests.server import Server, log_id

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

[[inbox]]
name = "strict"
addresses = ["strict@example.org"]
project = "SUP"
unknown_senders = "create"
require = "aligned"
on_fail = "reject"

[[inbox]]
name = "partners"
addresses = ["partners@example.org"]
project = "SUP"
unknown_senders = "create"
allowed_domains = [{ domain = "local.example", proof = "aligned" }]
obey_dmarc = false
auto_reply = { least_proof = "none" }
"""
KEY = rsa_key()
LONG = " ".join(["v=spf1"] + [f"ip4:198.51.100.{number}" for number in range(120)] + ["ip4:127.0.0.1", "-all"])
ZONE: dict[str, dns.Node] = {
    # a bank: all is published, and strict
    "bank.example": {"TXT": "v=spf1 ip4:192.0.2.25 -all"},
    "_dmarc.bank.example": {"TXT": "v=DMARC1; p=reject"},
    "s1._domainkey.bank.example": {"TXT": KEY.record},
    # its neighbour asks for quarantine
    "shop.example": {"TXT": "v=spf1 -all"},
    "_dmarc.shop.example": {"TXT": "v=DMARC1; p=quarantine"},
    # who may send from here
    "local.example": {"TXT": "v=spf1 ip4:127.0.0.0/8 -all"},
    "aliased.example": {"CNAME": "alias.example"},
    "alias.example": {"CNAME": "local.example"},
    "long.example": {"TXT": LONG},
    "lists.example": {"TXT": "v=spf1 ip4:127.0.0.1 -all"},
    "s1._domainkey.lists.example": {"TXT": KEY.record},
    # trouble
    "servfail.example": SERVFAIL,
    "silent.example": DROP,
    "_dmarc.servfail.example": {"TXT": "v=DMARC1; p=none"},
    "_dmarc.silent.example": {"TXT": "v=DMARC1; p=none"},
    "half.example": {"TXT": "v=spf1 ip4:127.0.0.1 -all"},
    "_dmarc.half.example": SERVFAIL,
}


@dataclass
class House:
    """A server that asks `dns`."""

    server: Server
    dns: dns.Server

    def told(self, raw: bytes, mail_from: str, to: str = "support@example.org") -> tuple[int, str, dict[str, Any]]:
        """The reply's code and enhanced code, and the log row."""
        with self.server.client() as client:
            client.ehlo("mx.local.example")
            client.mail(mail_from)
            client.rcpt(to)
            code, text = client.data(raw)
        database = Database(f"sqlite:///{self.server.database}")
        with database.session() as session:
            row = log_view(session, log_id(text))
        database.close()
        assert row is not None
        return code, text.decode().partition(" ")[0], dict(row)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with dns_server(ZONE) as zone:
        server = Server(
            tmp_path_factory.mktemp("authentication"),
            {
                "SMTPINTAKE_AUTHENTICATION__VERIFY": "true",
                "SMTPINTAKE_DNS__NAMESERVERS": zone.address,
                "SMTPINTAKE_DNS__TIMEOUT": "0.5",
                "SMTPINTAKE_DNS__DEADLINE": "1",
            },
        )
        server.prepare(POLICY)
        server.start()
        yield House(server, zone)
        server.stop()


def letter(author: str, subject: str = "Hello") -> bytes:
    domain = author.partition("@")[2]
    return mail(
        "To: support@example.org",
        f"Subject: {subject}",
        "Date: Mon, 2 Mar 2026 10:00:00 +0000",
        f"Message-ID: <{subject.replace(' ', '.')}@{domain}>",
        author=f"Ana <{author}>",
        body="Please help.\n",
    )


def trace(row: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["result"] for finding in row["trace"]}


def test_a_forged_author_of_a_domain_that_asks_for_rejection_is_refused(house: House) -> None:
    code, status, row = house.told(letter("ceo@bank.example", "Forged"), "thief@local.example")
    assert (code, status) == (550, "5.7.26")
    assert (row["reason"], row["spf"]) == ("auth.dmarc", "pass")  # of another domain: that is not aligned
    assert row["dmarc"] == {"domain": "bank.example", "result": "fail", "policy": "reject"}


def test_so_it_is_where_the_reverse_path_is_forged_too(house: House) -> None:
    code, status, row = house.told(letter("ceo@bank.example", "Forged twice"), "ceo@bank.example")
    assert (code, status, row["spf"]) == (550, "5.7.26", "fail")


def test_one_aligned_signature_makes_the_same_mail_welcome(house: House) -> None:
    raw = signed(letter("ceo@bank.example", "Genuine"), "bank.example", "s1", KEY)
    code, _, row = house.told(raw, "thief@local.example")
    assert (code, row["outcome"]) == (250, "created")
    assert row["dkim"] == [{"domain": "bank.example", "selector": "s1", "result": "pass"}]
    assert row["dmarc"]["result"] == "pass"
    assert trace(row)["proof"] == "aligned"


def test_a_signature_that_something_was_added_to_does_not(house: House) -> None:
    raw = signed(letter("ceo@bank.example", "Altered"), "bank.example", "s1", KEY) + b"And send the money to me.\r\n"
    code, status, row = house.told(raw, "thief@local.example")
    assert (code, status) == (550, "5.7.26")
    assert row["dkim"] == [{"domain": "bank.example", "selector": "s1", "result": "fail"}]


@pytest.mark.setting("inbox.obey_dmarc")
def test_quarantine_is_held(house: House) -> None:
    code, _, row = house.told(letter("ana@shop.example", "Quarantined"), "ana@shop.example")
    assert (code, row["outcome"], row["reason"]) == (250, "held", "auth.dmarc")


@pytest.mark.setting("inbox.trusted_sealers")
def test_a_trusted_sealer_is_believed_and_no_other(house: House) -> None:
    claim = "lists.example; dmarc=pass header.from=bank.example"
    raw = sealed(letter("ceo@bank.example", "Through a list"), "lists.example", "s1", KEY, claim)
    code, _, row = house.told(raw, "list@lists.example")
    assert (code, row["outcome"], row["arc"]) == (250, "created", "pass")
    raw = sealed(letter("ceo@bank.example", "Through a forger"), "bank.example", "s1", KEY, claim)
    code, status, row = house.told(raw, "list@lists.example")
    assert (code, status, row["arc"]) == (550, "5.7.26", "pass")


@pytest.mark.parametrize(
    ("domain", "spf"),
    [
        ("local.example", "pass"),
        ("aliased.example", "pass"),
        ("long.example", "pass"),
        ("bank.example", "fail"),
        ("nowhere.example", "none"),
        ("servfail.example", "temperror"),
        ("silent.example", "temperror"),
    ],
)
def test_what_dns_does_and_what_spf_makes_of_it(house: House, domain: str, spf: str) -> None:
    _, _, row = house.told(letter("ana@other.example", f"From {domain}"), f"ana@{domain}")
    assert row["spf"] == spf


def test_an_answer_that_was_cut_short_is_asked_for_by_tcp(house: House) -> None:
    house.told(letter("ana@long.example", "Long"), "ana@long.example")
    assert ("long.example", "TXT") in house.dns.over_tcp


def test_trouble_with_dns_defers_where_proof_is_required(house: House) -> None:
    code, status, row = house.told(
        letter("ana@servfail.example", "Later"), "ana@servfail.example", "strict@example.org"
    )
    assert (code, status, row["reason"]) == (451, "4.4.3", "auth.temperror")


def test_and_only_there(house: House) -> None:
    code, _, row = house.told(letter("ana@servfail.example", "Now"), "ana@servfail.example")
    assert (code, row["outcome"]) == (250, "created")
    assert trace(row)["proof"] == "none"
    # SPF proves the domain itself, whatever its DMARC record would say.
    code, _, row = house.told(letter("ana@half.example", "Half"), "ana@half.example", "strict@example.org")
    assert (code, row["outcome"], row["dmarc"]["result"]) == (250, "created", "temperror")


@pytest.mark.setting("inbox.obey_dmarc", "inbox.allowed_domains.proof")
def test_an_allowed_domain_may_count_with_proof_alone(house: House) -> None:
    forged = letter("ana@local.example", "Partner")
    code, _, row = house.told(forged, "ana@local.example", "partners@example.org")
    assert (code, row["outcome"]) == (250, "created")
    # Its SPF says that the client may send for local.example, and the reverse-path is of somebody else.
    code, status, row = house.told(letter("ana@local.example", "No partner"), "x@bank.example", "partners@example.org")
    assert (code, status, row["reason"]) == (550, "5.7.26", "sender.unproved")
    # This inbox does not obey, so the list decides.
    code, _, row = house.told(letter("ceo@bank.example", "Bank"), "x@bank.example", "partners@example.org")
    assert (code, row["reason"]) == (550, "sender.domain")


@pytest.mark.setting("inbox.auto_reply.least_proof")
@pytest.mark.parametrize(("mail_from", "answered"), [("ana@local.example", True), ("ana@other.example", False)])
def test_by_default_only_a_proved_author_is_answered(house: House, mail_from: str, answered: bool) -> None:
    _, _, row = house.told(letter("ana@local.example", f"Answer {answered}"), mail_from)
    assert trace(row)["auto_reply"] == ("queued" if answered else "none")


@pytest.mark.setting("inbox.require", "inbox.on_fail")
def test_without_proof_a_strict_inbox_refuses(house: House) -> None:
    code, status, row = house.told(letter("ana@other.example", "Unproved"), "ana@local.example", "strict@example.org")
    assert (code, status, row["reason"]) == (550, "5.7.26", "auth.unaligned")


def test_each_name_is_asked_for_once(house: House) -> None:
    house.dns.queries.clear()
    raw = signed(letter("ana@once.example", "Once"), "once.example", "s1", KEY)
    house.told(signed(raw, "once.example", "s2", KEY), "ana@once.example")
    assert len(house.dns.queries) == len(set(house.dns.queries))
    assert {"s1._domainkey.once.example", "s2._domainkey.once.example", "_dmarc.once.example", "once.example"} <= {
        name for name, _ in house.dns.queries
    }


def test_explain_tells_each_lookup_and_its_answer(house: House) -> None:
    raw = signed(letter("ceo@bank.example", "Explained"), "bank.example", "s1", KEY)
    told = house.server.command(
        *("explain", "-", "--to", "support@example.org", "--peer", "192.0.2.25", "--helo", "mx.bank.example"),
        *("--mail-from", "ceo@bank.example", "--json"),
        stdin=raw,
    )
    (explained,) = json.loads(told)
    assert trace(explained)["spf"] == "pass"
    assert trace(explained)["dmarc"] == "pass"
    lookups = {(lookup["name"], lookup["type"]): lookup for lookup in explained["lookups"]}
    assert lookups["bank.example", "TXT"]["records"] == ["v=spf1 ip4:192.0.2.25 -all"]
    assert lookups["_dmarc.example", "TXT"]["found"] == "nxdomain"
    assert lookups["s1._domainkey.bank.example", "TXT"]["found"] == "records"
