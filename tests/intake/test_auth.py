"""AUTH over real TLS: what is offered, how the exchanges go, who may send as whom, and how often one may fail."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from smtpintake.intake.accounts import FAILURES_OF_A_PEER, Account, Accounts, hash_password
from smtpintake.intake.certificate import Certificate
from smtpintake.intake.limits import Rate
from smtpintake.intake.options import AuthMode, Options, TlsMode
from smtpintake.intake.rates import Counted, Rates
from smtpintake.intake.sasl import Credentials
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Login
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS
from smtpintake.settings import Settings
from smtpintake.wiring import open_rates
from tests.certificates import issue
from tests.intake.smtpserver import Client, Server, serving
from tests.redis import Redis, redis  # noqa: F401 - a fixture

OPTIONAL = Options(TlsMode.STARTTLS, auth=AuthMode.OPTIONAL)
REQUIRED = Options(TlsMode.IMPLICIT, auth=AuthMode.REQUIRED)
PASSWORD = "hünter2"
# As cheap as argon2 gets: what it costs is not what is tested.
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
SCANNER = Account("scanner", HASH, ("scanner@example.org", "@devices.example.org"))

OK = "235 2.7.0 authenticated"
FAILED = str(REFUSALS[Reason.LOGIN_FAILED])
LIMIT = str(REFUSALS[Reason.LOGIN_LIMIT])
CANNOT_DECODE = "501 5.5.2 cannot decode the authentication exchange"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plain(username: str = "scanner", password: str = PASSWORD, acts_as: str = "") -> str:
    return b64(f"{acts_as}\0{username}\0{password}")


GOOD = f"AUTH PLAIN {plain()}"
BAD = f"AUTH PLAIN {plain(password='wrong')}"


@asynccontextmanager
async def server(folder: Path, options: Options = OPTIONAL, **values: Any) -> AsyncIterator[Server]:
    values.setdefault("accounts", Accounts([SCANNER]))
    async with serving(folder / "spool", options=options, certificate=Certificate(*issue(folder)), **values) as running:
        yield running


async def inside_tls(running: Server) -> Client:
    client = await running.client()
    return await (await (await client.hello()).start_tls()).hello()


async def test_auth_is_offered_inside_tls_only(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        client = await running.client()
        assert await client.ask(GOOD) == "503 5.5.1 send EHLO first"
        assert "AUTH" not in await client.ask("EHLO client.example")
        assert await client.ask(GOOD) == "538 5.7.11 authentication is for encrypted connections only"
        assert (await client.ask("MAIL FROM:<a@b.example> AUTH=<>")).startswith("555 ")
        await client.start_tls()
        assert "250-AUTH PLAIN LOGIN" in (await client.ask("EHLO client.example")).splitlines()
        assert await client.ask(GOOD) == OK
    async with server(tmp_path, Options(TlsMode.STARTTLS), accounts=None) as running:
        client = await inside_tls(running)
        assert "AUTH" not in await client.ask("EHLO client.example")
        assert await client.ask(GOOD) == "502 5.5.1 command not implemented"


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([GOOD], OK),
        (["auth plain " + plain()], OK),
        ([f"AUTH PLAIN {plain(acts_as='scanner')}"], OK),
        (["AUTH PLAIN", plain()], OK),
        (["AUTH LOGIN", b64("scanner"), b64(PASSWORD)], OK),
        ([f"AUTH LOGIN {b64('scanner')}", b64(PASSWORD)], OK),
        (["AUTH LOGIN", b64("scanner"), b64("hu\u0308nter2")], OK),  # composed by another keyboard
        ([BAD], FAILED),
        ([f"AUTH PLAIN {plain('nobody')}"], FAILED),
        ([f"AUTH PLAIN {plain('Scanner')}"], FAILED),
        ([f"AUTH PLAIN {plain(acts_as='root')}"], FAILED),
        (["AUTH LOGIN", b64("scanner"), b64("wrong")], FAILED),
        (["AUTH"], "501 5.5.4 syntax error in the arguments"),
        (["AUTH CRAM-MD5"], "504 5.5.4 authentication mechanism not supported"),
        (["AUTH PLAIN ="], CANNOT_DECODE),
        (["AUTH PLAIN not-base64!"], CANNOT_DECODE),
        ([f"AUTH PLAIN {b64('scanner')}"], CANNOT_DECODE),
        ([f"AUTH PLAIN {b64('a' + chr(0) + 'b' + chr(0) + 'c' + chr(0) + 'd')}"], CANNOT_DECODE),
        ([f"AUTH PLAIN {plain(password='')}"], CANNOT_DECODE),
        ([f"AUTH PLAIN {plain(username='')}"], CANNOT_DECODE),
        ([f"AUTH PLAIN {base64.b64encode(bytes([0, 255, 0, 255])).decode()}"], CANNOT_DECODE),
        (["AUTH PLAIN", ""], CANNOT_DECODE),
        (["AUTH LOGIN =", b64("x")], CANNOT_DECODE),
        (["AUTH PLAIN", "*"], "501 5.7.0 authentication cancelled"),
        (["AUTH LOGIN", b64("scanner"), "*"], "501 5.7.0 authentication cancelled"),
        (["AUTH PLAIN", "A" * 12288], "500 5.5.6 authentication exchange line is too long"),
        (["AUTH PLAIN", "A" * 200_000], "500 5.5.6 authentication exchange line is too long"),
    ],
)
async def test_exchanges(tmp_path: Path, lines: list[str], reply: str) -> None:
    async with server(tmp_path) as running:
        client = await inside_tls(running)
        *first, last = lines
        for line in first:
            assert (await client.ask(line)).startswith("334 ")
        assert await client.ask(last) == reply
        # The session goes on, and a line that was too long is not taken for commands.
        assert await client.ask("NOOP") == "250 2.0.0 OK"


async def test_challenges_are_those_that_clients_know(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        client = await inside_tls(running)
        assert await client.ask("AUTH PLAIN") == "334 "
        await client.ask("*")
        assert await client.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6"
        assert await client.ask(b64("scanner")) == "334 UGFzc3dvcmQ6"
        assert await client.ask(b64(PASSWORD)) == OK


async def test_when_auth_may_be_said(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        client = await inside_tls(running)
        assert (await client.ask("MAIL FROM:<scanner@example.org>")).startswith("250 ")
        assert (await client.ask(GOOD)).startswith("503 5.5.1 ")
        await client.ask("RSET")
        assert await client.ask(GOOD) == OK
        assert await client.ask(GOOD) == "503 5.5.1 already authenticated"
        await client.hello()
        assert await client.ask(GOOD) == "503 5.5.1 already authenticated"


async def test_a_login_travels_with_the_mail(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        client = await inside_tls(running)
        await client.ask(GOOD)
        assert (await client.ask("MAIL FROM:<Scanner@Example.org> AUTH=scanner+40example.org")).startswith("250 ")
        await client.ask("RCPT TO:<support@example.org>")
        assert (await client.data(b"x\r\n.\r\n")).startswith("250 ")
        envelope, _ = running.journey.mails[0]
        assert envelope.login == Login("scanner", SCANNER.senders)


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        ("scanner@example.org", True),
        ("SCANNER@EXAMPLE.ORG", True),
        ("door@devices.example.org", True),
        ("", True),
        ("boss@example.org", False),
        ("x@sub.devices.example.org", False),
        ("scanner@example.org.example", False),
    ],
)
async def test_an_account_sends_as_its_own(tmp_path: Path, sender: str, allowed: bool) -> None:
    async with server(tmp_path) as running:
        client = await inside_tls(running)
        await client.ask(GOOD)
        reply = await client.ask(f"MAIL FROM:<{sender}>")
        assert reply.startswith("250 " if allowed else "553 5.7.1 login.sender")
        assert [refusal.reason for refusal in running.journey.refusals] == [Reason.LOGIN_SENDER] * (not allowed)
        if sender:
            assert Login("scanner", SCANNER.senders).may_send_as(Mailbox.parse(sender)) == allowed


async def test_what_a_listener_requires(tmp_path: Path) -> None:
    mail = "MAIL FROM:<scanner@example.org>"
    async with server(tmp_path, REQUIRED) as running:
        client = await (await running.connect()).handshake()
        await client.reply()
        await client.hello()
        assert (await client.ask(mail)).startswith("530 5.7.0 login.required: authentication required; log ")
        assert (await client.ask("RCPT TO:<support@example.org>")).startswith("503 ")
        assert await client.ask(GOOD) == OK
        assert (await client.ask(mail)).startswith("250 ")
        assert running.journey.refusals[0].reason is Reason.LOGIN_REQUIRED
    async with server(tmp_path, Options(TlsMode.STARTTLS, require_tls=True)) as running:
        client = await (await running.client()).hello()
        assert (await client.ask(mail)).startswith("530 5.7.0 tls.required: issue a STARTTLS command first; log ")
        assert await client.ask("NOOP") == "250 2.0.0 OK"
        await (await client.start_tls()).hello()
        assert (await client.ask(mail)).startswith("250 ")


async def test_the_third_failure_ends_the_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with server(tmp_path) as running:
        client = await inside_tls(running)
        assert await client.ask(BAD) == FAILED
        assert await client.ask(f"AUTH PLAIN {plain('nobody', 'swordfish')}") == FAILED
        assert await client.ask(BAD) == LIMIT
        assert await client.reply() == ""
        assert await (await inside_tls(running)).ask(GOOD) == OK
    journal = capsys.readouterr()
    said = journal.out + journal.err
    assert said.count("login failed") == 3
    assert "nobody" in said
    assert not any(secret in said for secret in ("wrong", "swordfish", PASSWORD, plain(password="wrong")))


def limited(of_a_peer: int = 100, of_a_name: int = 100) -> Rates:
    return Rates({Counted.LOGINS_OF_PEER: Rate(of_a_peer, 600), Counted.LOGINS_OF_NAME: Rate(of_a_name, 600)})


async def test_a_peer_has_a_budget_of_failures(tmp_path: Path) -> None:
    async with server(tmp_path, accounts=Accounts([SCANNER], limited(of_a_peer=2))) as running:
        assert await (await inside_tls(running)).ask(BAD) == FAILED
        assert await (await inside_tls(running)).ask(GOOD) == OK
        assert await (await inside_tls(running)).ask(BAD) == FAILED
        assert await (await inside_tls(running)).ask(GOOD) == LIMIT


async def test_a_name_has_a_budget_but_for_those_who_have_shown_that_they_are_it() -> None:
    accounts = Accounts([SCANNER], limited(of_a_name=2))
    right, wrong = Credentials("scanner", PASSWORD), Credentials("scanner", "wrong")
    assert await accounts.log_in(right, "192.0.2.1") == Login("scanner", SCANNER.senders)
    for peer in ("198.51.100.1", "198.51.100.2"):
        assert await accounts.log_in(wrong, peer) is Reason.LOGIN_FAILED
    assert await accounts.log_in(right, "198.51.100.3") is Reason.LOGIN_LIMIT
    assert await accounts.log_in(right, "192.0.2.1") == Login("scanner", SCANNER.senders)


async def test_who_is_not_known_shares_no_budget_with_others() -> None:
    """Behind a relay that tells nobody all clients would be one peer."""
    accounts = Accounts([SCANNER], limited(of_a_peer=1, of_a_name=3))
    right = Credentials("scanner", PASSWORD)
    for name in ("a", "b", "scanner", "scanner"):
        assert await accounts.log_in(Credentials(name, "wrong"), "") is Reason.LOGIN_FAILED
    assert await accounts.log_in(right, "") == Login("scanner", SCANNER.senders)
    assert await accounts.log_in(Credentials("scanner", "wrong"), "") is Reason.LOGIN_FAILED
    assert await accounts.log_in(right, "") is Reason.LOGIN_LIMIT


async def test_processes_that_share_a_redis_share_the_budget(redis: Redis) -> None:  # noqa: F811
    settings = Settings.model_validate({"limits": {"backend": redis.url}})
    async with open_rates(settings) as ours, open_rates(settings) as theirs:
        here, there = Accounts([SCANNER], ours), Accounts([SCANNER], theirs)
        for _ in range(FAILURES_OF_A_PEER.times // 2):
            for accounts in (here, there):
                assert await accounts.log_in(Credentials("scanner", "wrong"), "192.0.2.1") is Reason.LOGIN_FAILED
        for accounts in (here, there):
            assert await accounts.log_in(Credentials("scanner", PASSWORD), "192.0.2.1") is Reason.LOGIN_LIMIT
            assert isinstance(await accounts.log_in(Credentials("scanner", PASSWORD), "192.0.2.2"), Login)


async def test_tries_side_by_side_are_no_more_than_one_after_the_other() -> None:
    accounts = Accounts([SCANNER], limited(of_a_peer=3))
    wrong = Credentials("scanner", "wrong")
    found = await asyncio.gather(*(accounts.log_in(wrong, "192.0.2.1") for _ in range(40)))
    assert found.count(Reason.LOGIN_FAILED) in (3, 4)  # two are verified at a time


async def test_a_name_that_nobody_has_is_verified_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []
    monkeypatch.setattr(
        "smtpintake.intake.accounts._matches", lambda hashed, password: verified.append(hashed) or False
    )
    accounts = Accounts([SCANNER])
    await accounts.log_in(Credentials("nobody", PASSWORD), "192.0.2.1")
    await accounts.log_in(Credentials("scanner", "wrong"), "192.0.2.1")
    assert verified == [HASH, HASH]


async def test_what_hash_password_makes_lets_in() -> None:
    accounts = Accounts([Account("door", hash_password(PASSWORD), ("door@example.org",))])
    assert await accounts.log_in(Credentials("door", PASSWORD), "192.0.2.1") == Login("door", ("door@example.org",))
    assert PASSWORD not in repr(Credentials("door", PASSWORD))
