"""Mail and DNS made to keep a verifier busy for minutes, against a real server that verifies and a real DNS server.

While each waits for its verdict, somebody else's mail is taken. That a reply comes, and that it is no 451 of a killed
analyser, is the proof: nothing here took longer than the deadlines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from smtpintake.store.database import Database
from smtpintake.store.maillog import log_view
from tests import dns
from tests.auth.signing import NAMES, rsa_key, signed
from tests.auth.test_keys import record as key_of
from tests.dns import DROP, dns_server
from tests.journey.test_hostile import COMPLEX, CREATED, Scene, stuffed
from tests.mail.letters import mail
from tests.server import Server, log_id

KEY = rsa_key()
HOSTS = range(10)

ZONE: dict[str, dns.Node] = {
    "s1._domainkey.evil.example": {"TXT": KEY.record},
    # Keys that take seconds and minutes to use.
    "modulus._domainkey.evil.example": {"TXT": key_of(16_384)},
    "exponent._domainkey.evil.example": {"TXT": key_of(8192, (1 << 8190) + 1)},
    "both._domainkey.evil.example": {"TXT": key_of(16_384, (1 << 16_383) + 1)},
    "huge._domainkey.evil.example": {"TXT": key_of(65_536, (1 << 65_535) + 1)},
    # Records that ask for much, or are much.
    "modifiers.example": {"TXT": "v=spf1 " + "a=b " * 8000 + "-all"},
    "fewer.example": {"TXT": "v=spf1 " + "a=b " * 1000 + "+all"},
    "mx.example": {"TXT": "v=spf1 " + " ".join(f"mx:mx{n}.mx.example" for n in HOSTS) + " -all"},
    **{f"mx{n}.mx.example": {"MX": [f"{m} host{m}.mx{n}.mx.example" for m in HOSTS]} for n in HOSTS},
    **{f"host{m}.mx{n}.mx.example": {"A": f"192.0.2.{m}"} for n in HOSTS for m in HOSTS},
    "loop.example": {"TXT": "v=spf1 include:a.loop.example include:b.loop.example -all"},
    "a.loop.example": {"TXT": "v=spf1 include:b.loop.example include:loop.example -all"},
    "b.loop.example": {"TXT": "v=spf1 include:a.loop.example redirect=loop.example"},
    # A domain whose servers never answer.
    "silent.example": DROP,
    "_dmarc.silent.example": DROP,
    "s1._domainkey.silent.example": DROP,
}


@dataclass(frozen=True)
class Attack:
    """`dkim` is what the log says of the signatures, domain and result of each."""

    message: bytes
    domain: str = "evil.example"
    reply: str = CREATED
    spf: str = "none"
    dkim: tuple[tuple[str, str], ...] = ()


def letter(name: str, body: str = "Hello.\n", domain: str = "evil.example") -> bytes:
    fields = ("To: support@example.org", f"Subject: {name}", "Date: Mon, 2 Mar 2026 10:00:00 +0000")
    return mail(*fields, f"Message-ID: <{abs(hash(name))}@{domain}>", author=f"mallory@{domain}", body=body)


def by(selector: str) -> bytes:
    return signed(letter(f"key {selector}"), "evil.example", selector, KEY)


def padded(octets: bytes, padding: bytes) -> bytes:
    """`octets` with `padding` in b= of its signature."""
    return octets.replace(b" b=", b" b=" + padding, 1)


def many_signatures(number: int) -> bytes:
    octets = signed(letter(f"{number} signatures"), "evil.example", "s1", KEY)
    field = octets[: octets.index(b"From: ")]
    return field * number + octets[len(field) :]


def with_white_space(name: str, lines: str, width: int) -> bytes:
    """A mail with a good signature whose lines have `width` blanks for each one: that is no change (RFC 6376 s3.4.4),
    and dkimpy would take minutes to sign what is sent.
    """
    header, _, body = signed(letter(name, lines), "evil.example", "s1", KEY).partition(b"\r\n\r\n")
    return header + b"\r\n\r\n" + body.replace(b" ", b" " * width)


GOOD = ("evil.example", "pass")
BAD = ("evil.example", "permerror")
HELLO = letter("hello")

ATTACKS: dict[str, Attack] = {
    "25 MB of legal lines": Attack(with_white_space("legal lines", " x\n" * 26_000, 990), dkim=(GOOD,)),
    "a 100 KB run of spaces": Attack(with_white_space("one run", "a b\n", 100_000), dkim=(GOOD,)),
    "50 KB of folded white space in b=": Attack(padded(by("s1"), b"\r\n " * 17_000), dkim=(("", "permerror"),)),
    "7 KB of it": Attack(padded(by("s1"), b"\r\n " * 2300), dkim=(GOOD,)),
    "200k folded lines in one header field": Attack(
        signed(HELLO, "evil.example", "s1", KEY).replace(b"Subject: ", b"Subject: x" + b"\r\n x" * 200_000),
        reply=COMPLEX,
    ),
    "15k folded lines in a field that is signed": Attack(
        signed(b"X: y" + b"\r\n z" * 15_000 + b"\r\n" + HELLO, "evil.example", "s1", KEY, names=(*NAMES, "x")),
        dkim=(GOOD,),
    ),
    "a modulus of 16,384 bits": Attack(by("modulus"), dkim=(BAD,)),
    "an exponent of 8,191 bits": Attack(by("exponent"), dkim=(BAD,)),
    "a modulus and an exponent of 16,384 bits": Attack(by("both"), dkim=(BAD,)),
    "a modulus and an exponent of 65,536 bits": Attack(by("huge"), dkim=(BAD,)),
    "8,000 modifiers": Attack(letter("modifiers"), "modifiers.example", spf="permerror"),
    "1,000 modifiers": Attack(letter("fewer modifiers"), "fewer.example", spf="pass"),
    "10 mx of 10 hosts each": Attack(letter("mx"), "mx.example", spf="permerror"),
    "includes in a circle": Attack(letter("loop"), "loop.example", spf="permerror"),
    "50 signatures": Attack(many_signatures(50), dkim=(*(GOOD,) * 5, ("", "neutral"))),
    "name servers that never answer": Attack(
        signed(letter("silence", domain="silent.example"), "silent.example", "s1", KEY),
        "silent.example",
        spf="temperror",
        dkim=(("silent.example", "temperror"),),
    ),
}


@pytest.fixture(scope="module")
def zone() -> Iterator[dns.Server]:
    with dns_server(ZONE) as server:
        yield server


@pytest.fixture(scope="module")
def scene(zone: dns.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    server = Server(
        tmp_path_factory.mktemp("hostile_authentication"),
        {
            "SMTPINTAKE_AUTHENTICATION__VERIFY": "true",
            "SMTPINTAKE_DNS__NAMESERVERS": zone.address,
            "SMTPINTAKE_DNS__TIMEOUT": "0.5",
            "SMTPINTAKE_DNS__DEADLINE": "1",
        },
    )
    server.prepare()
    server.start()
    yield Scene(server)
    if server.process is not None and server.process.poll() is None:
        server.kill()


def logged(server: Server, reply: str) -> dict[str, Any]:
    database = Database(f"sqlite:///{server.database}")
    with database.session() as session:
        row = log_view(session, log_id(reply))
    database.close()
    assert row is not None
    return dict(row)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_keeps_a_verifier_busy_gets_its_verdict_and_a_neighbour_theirs(scene: Scene, attack: Attack) -> None:
    attacker = scene.attacker()
    attacker.data(attack.domain.encode())
    attacker.send(stuffed(attack.message))
    scene.neighbour_is_served()
    reply = attacker.reply()
    scene.heard(reply, attack.reply)
    row = logged(scene.server, reply)
    if attack.reply == CREATED:
        assert row["spf"] == attack.spf
        assert tuple((found["domain"], found["result"]) for found in row["dkim"]) == attack.dkim
    assert attacker.ask(b"NOOP") == "250 2.0.0 OK"
    attacker.close()


def test_many_at_once_whose_name_servers_never_answer(scene: Scene, zone: dns.Server) -> None:
    attackers = [scene.attacker() for _ in range(20)]
    domains = [f"silent{number}.example" for number in range(20)]
    zone.zone |= {f"{prefix}{domain}": DROP for domain in domains for prefix in ("", "_dmarc.")}
    for attacker, domain in zip(attackers, domains, strict=True):
        attacker.data(domain.encode())
        attacker.send(stuffed(letter(domain, domain=domain)))
    scene.neighbour_is_served()
    for attacker in attackers:
        reply = attacker.reply()
        scene.heard(reply, CREATED)
        assert logged(scene.server, reply)["spf"] == "temperror"
        attacker.close()


def test_no_name_server_at_all(scene: Scene, zone: dns.Server) -> None:
    zone.silent = True
    attacker = scene.attacker()
    attacker.data(b"unheard.example")
    attacker.send(stuffed(letter("nobody answers", domain="unheard.example")))
    scene.neighbour_is_served()
    reply = attacker.reply()
    scene.heard(reply, CREATED)
    assert logged(scene.server, reply)["spf"] == "temperror"
    attacker.close()
    zone.silent = False


def test_at_the_end_the_server_is_well(scene: Scene) -> None:
    journal = scene.server.journal.read_text()
    assert "Traceback" not in journal
    assert "an analyser gave up" not in journal
    assert scene.server.stop() == 0
