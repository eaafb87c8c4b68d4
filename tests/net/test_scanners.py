"""Scanners, asked over real sockets: their verdicts, and what becomes of those that are down, slow or talk nonsense."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from smtpintake.decide.scan import Scan, Verdict
from smtpintake.mail.envelope import Hello, Login, Peer
from smtpintake.net import clamd, rspamd
from smtpintake.net.breaker import STRIKES
from smtpintake.net.scanner import BLOCK, MAX_AT_ONCE, Scannable, Scanner, ScannerError, Scanners
from tests import make
from tests.scanners import EICAR, Clamd, Rspamd, checked, listening

MIB = 1 << 20


def mail(octets: bytes = b"Subject: x\r\n\r\nHello\r\n", **envelope: Any) -> Scannable:
    return Scannable(make.envelope(**envelope), octets, None, len(octets))


def spooled(folder: Path, octets: bytes) -> Scannable:
    path = folder / "mail"
    path.write_bytes(octets)
    return Scannable(make.envelope(), None, path, len(octets))


def at(daemon: Clamd) -> Scanner:
    return clamd.Clamd(("127.0.0.1", daemon.port))


async def scan(scanner: Scanner, mail: Scannable, deadline: float = 20.0, max_size: int = 100 * MIB) -> Scan:
    (found,) = await Scanners([scanner], deadline, max_size).scan(mail)
    return found


@pytest.mark.parametrize("size", [0, 5, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7])
async def test_a_mail_goes_in_blocks_from_memory_as_from_its_file(tmp_path: Path, size: int) -> None:
    octets = bytes(range(256)) * (size // 256 + 1)
    for one in (mail(octets[:size]), spooled(tmp_path, octets[:size])):
        blocks = [block async for block in one.blocks()]
        assert b"".join(blocks) == octets[:size]
        assert all(0 < len(block) <= BLOCK for block in blocks)


# ---- clamd -----------------------------------------------------------------------------------------------------------


async def test_clamd_finds_the_test_virus_in_memory_and_in_a_file(tmp_path: Path) -> None:
    infected = Scan("clamd", Verdict.VIRUS, "Eicar-Test-Signature")
    async with listening(Clamd()) as daemon:
        assert await scan(at(daemon), mail()) == Scan("clamd", Verdict.CLEAN)
        assert await scan(at(daemon), mail(b"\r\n\r\n" + EICAR)) == infected
        assert await scan(at(daemon), spooled(tmp_path, bytes(600_000) + EICAR)) == infected
        assert daemon.sizes == [21, 4 + len(EICAR), 600_000 + len(EICAR)]
        assert await at(daemon).ping() == "ClamAV 1.4.1/27500/Sun Mar  1 08:00:00 2026"


async def test_clamd_is_asked_over_a_unix_socket(tmp_path: Path) -> None:
    async with listening(Clamd(), tmp_path / "clamd.ctl"):
        assert (await scan(clamd.Clamd(tmp_path / "clamd.ctl"), mail(EICAR))).verdict is Verdict.VIRUS
    found = await scan(clamd.Clamd(tmp_path / "absent"), mail())
    assert (found.verdict, "No such file" in found.detail) == (Verdict.FAILED, True)


async def test_what_clamd_does_not_take_is_too_large_and_not_a_failure(tmp_path: Path) -> None:
    """It says so and hangs up while we are still sending."""
    async with listening(Clamd(max_size=BLOCK)) as daemon:
        found = await scan(at(daemon), spooled(tmp_path, bytes(8 * MIB)))
    assert found == Scan("clamd", Verdict.OVERSIZE, "INSTREAM size limit exceeded. ERROR")


async def test_of_a_mail_beyond_max_size_nobody_is_asked() -> None:
    async with listening(Clamd()) as daemon:
        found = await scan(at(daemon), mail(bytes(1001)), max_size=1000)
        assert (found.verdict, daemon.sizes) == (Verdict.OVERSIZE, [])
        assert (await scan(at(daemon), mail(bytes(1000)), max_size=1000)).verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    ("says", "detail"),
    [
        (b"", "0 bytes read"),
        (b"stream: OK", "before end"),
        (b"stream: Can't allocate memory ERROR\0", "Can't allocate memory"),
        (b"UNKNOWN COMMAND\0", "UNKNOWN COMMAND"),
        (b"\0", "''"),
        (b"x" * 9000 + b"\0", "more than"),
        (b"x" * 90000, "more than"),
    ],
)
async def test_what_is_no_verdict_of_clamd_has_failed(says: bytes, detail: str) -> None:
    async with listening(Clamd(says=says)) as daemon:
        found = await scan(at(daemon), mail())
    assert found.verdict is Verdict.FAILED
    assert detail in found.detail or "bytes read" in found.detail


# ---- rspamd ----------------------------------------------------------------------------------------------------------


async def test_rspamd_hears_what_smtp_said(tmp_path: Path) -> None:
    envelope = {
        "mail_from": "bjørn@customer.example",
        "hello": Hello("client\r\nPass: all"),
        "login": Login("printer\n1", ()),
    }
    async with listening(Rspamd()) as daemon:
        scanner = rspamd.Rspamd(daemon.url)
        found = await scan(scanner, mail(b"Hello", **envelope))
        await scan(scanner, mail(mail_from=None, peer=Peer("")))
        await scan(scanner, spooled(tmp_path, bytes(3 * MIB)))
        assert await scanner.ping() == "pong"
    assert daemon.requests[0] == [
        "POST /checkv2 HTTP/1.0",
        "Content-Length: 5",
        "Queue-Id: 0000000000000000",
        "From: bjørn@customer.example",
        "Rcpt: support@example.org",
        "Helo: clientPass: all",
        "IP: 192.0.2.1",
        "User: printer1",
    ]
    assert "From: " in daemon.requests[1]
    assert not any(line.startswith(("IP:", "User:")) for line in daemon.requests[1])
    assert [len(body) for body in daemon.bodies] == [5, 21, 3 * MIB, 0]
    assert found == Scan("rspamd", Verdict.CLEAN, "no action: ", 0.5)


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("no action", Verdict.CLEAN),
        ("greylist", Verdict.CLEAN),
        ("add header", Verdict.SUSPECT),
        ("rewrite subject", Verdict.SUSPECT),
        ("quarantine", Verdict.SUSPECT),
        ("phishing", Verdict.SUSPECT),  # an action that its admin has made up
        ("soft reject", Verdict.LATER),
        ("reject", Verdict.SPAM),
        ("discard", Verdict.SPAM),
    ],
)
async def test_the_actions_of_rspamd(action: str, verdict: Verdict) -> None:
    reply = checked(action, 7.123, BAYES_SPAM=5.1, R_SPF_ALLOW=-0.2, MANY=2)
    async with listening(Rspamd(reply)) as daemon:
        found = await scan(rspamd.Rspamd(daemon.url), mail())
    assert found == Scan("rspamd", verdict, f"{action}: BAYES_SPAM 5.1, MANY 2, R_SPF_ALLOW -0.2", 7.12)


async def test_a_reply_without_its_length_ends_where_rspamd_hangs_up() -> None:
    async with listening(
        Rspamd(checked("reject", 20, **{f"S{n}": 1 for n in range(2000)}), with_length=False)
    ) as daemon:
        found = await scan(rspamd.Rspamd(daemon.url), mail())
    assert (found.verdict, found.detail.count(",")) == (Verdict.SPAM, 14)


async def test_what_rspamd_does_not_take_is_too_large(tmp_path: Path) -> None:
    async with listening(Rspamd(b"{}", status=413)) as daemon:
        found = await scan(rspamd.Rspamd(daemon.url), spooled(tmp_path, bytes(8 * MIB)))
    assert found.verdict is Verdict.OVERSIZE


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"<html>",
        b"[]",
        {},
        {"error": "no workers"},
        checked("reject", float("nan")),
        {"action": 3, "score": 1},
        {"action": "reject", "score": "much"},
        bytes(600_000),
    ],
)
@pytest.mark.parametrize("with_length", [True, False])
async def test_what_is_no_verdict_of_rspamd_has_failed(reply: Any, with_length: bool) -> None:
    async with listening(Rspamd(reply, with_length=with_length)) as daemon:
        assert (await scan(rspamd.Rspamd(daemon.url), mail())).verdict is Verdict.FAILED


async def test_an_http_error_has_failed_with_its_status() -> None:
    async with listening(Rspamd({}, status=503)) as daemon:
        found = await scan(rspamd.Rspamd(daemon.url), mail())
    assert found == Scan("rspamd", Verdict.FAILED, "replies with HTTP status 503")


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"SMTP 200\r\n\r\n",
        b"HTTP/1.1 ok\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"x" * 40000,
    ],
)
async def test_what_is_not_http_has_failed(head: bytes) -> None:
    class Nonsense(Rspamd):
        async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head)
            await writer.drain()

    async with listening(Nonsense()) as daemon:
        assert (await scan(rspamd.Rspamd(daemon.url), mail())).verdict is Verdict.FAILED


WORDS = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 413 \r\n", b"Content-Length: ", b"\r\n\r\n", b"7"),
        *(b'{"action":', b'"reject"', b',"score":1', b',"symbols":{"A":{}}', b"}", b","),
        *(b"stream: ", b"OK", b" FOUND", b"size limit exceeded", b"\0"),
    ]
)
NONSENSE = st.lists(st.one_of(WORDS, st.binary(max_size=6)), max_size=20).map(b"".join)


@given(said=NONSENSE)
@pytest.mark.parametrize("scanner", [clamd.Clamd(Path("/nowhere")), rspamd.Rspamd("http://127.0.0.1")])
def test_whatever_a_daemon_says_is_a_verdict_or_none(scanner: Any, said: bytes) -> None:
    async def heard() -> Scan:
        reader = asyncio.StreamReader(limit=64)
        reader.feed_data(said)
        reader.feed_eof()
        if isinstance(scanner, clamd.Clamd):
            return scanner._read(await clamd._reply(reader))
        return scanner._read(*await rspamd._reply(reader))

    try:
        found = asyncio.run(heard())
    except (EOFError, ScannerError):
        return
    assert found.verdict is not Verdict.FAILED
    assert found.detail.isprintable() or scanner.name == "clamd"


# ---- all of them -----------------------------------------------------------------------------------------------------


async def test_one_that_is_silent_has_failed_at_its_deadline_and_the_other_is_heard() -> None:
    async with listening(Clamd(mute=True)) as silent, listening(Rspamd()) as daemon:
        found = await Scanners([at(silent), rspamd.Rspamd(daemon.url)], 0.3, MIB).scan(mail())
    assert [one.verdict for one in found] == [Verdict.FAILED, Verdict.CLEAN]
    assert found[0].detail == "no verdict within 0.3 seconds"


async def test_one_that_hangs_costs_only_the_first_mails_their_deadline() -> None:
    """It still answers a ping, as a daemon whose workers all hang may."""
    daemon = Clamd(mute=True)
    async with listening(daemon), Scanners([at(daemon)], 0.1, MIB) as scanners:
        with capture_logs() as journal:
            waited = [(await scanners.scan(mail()))[0] for _ in range(STRIKES)]
            seen = len(daemon.sizes)
            assert seen >= STRIKES
            at_once = [(await scanners.scan(mail()))[0] for _ in range(100)]
            assert daemon.sizes.count(len(b"Subject: x\r\n\r\nHello\r\n")) == STRIKES  # none of the hundred got there
            daemon.mute = False
            while (await scanners.scan(mail()))[0].verdict is Verdict.FAILED:
                await asyncio.sleep(0.01)
    assert {one.detail for one in waited} == {"no verdict within 0.1 seconds"}
    assert {one.detail for one in at_once} == {"not asked, as it was silent lately"}
    said = [line["event"].partition(":")[0] for line in journal]
    assert said == ["a scanner fails", "clamd is silent", "clamd has broken its silence", "a scanner answers again"]


async def test_one_that_is_down_fails_at_once_and_is_always_asked() -> None:
    async with listening(Clamd()) as daemon:
        pass
    async with Scanners([at(daemon)], 20.0, MIB) as scanners:
        for _ in range(3 * STRIKES):
            (found,) = await scanners.scan(mail())
            assert "not asked" not in found.detail


async def test_the_other_is_asked_while_one_hangs() -> None:
    async with (
        listening(Clamd(mute=True)) as silent,
        listening(Rspamd()) as daemon,
        Scanners([at(silent), rspamd.Rspamd(daemon.url)], 0.1, MIB) as scanners,
    ):
        found = [await scanners.scan(mail()) for _ in range(2 * STRIKES)]
    assert [other.verdict for _, other in found] == [Verdict.CLEAN] * (2 * STRIKES)


async def test_the_journal_tells_once_that_a_scanner_is_down_and_once_that_it_is_back() -> None:
    async with listening(Clamd()) as daemon:
        pass
    scanners = Scanners([at(daemon)], 20.0, MIB)
    with capture_logs() as journal:
        down = [(await scanners.scan(mail()))[0].verdict for _ in range(3)]
        async with listening(daemon):
            up = [(await scanners.scan(mail()))[0].verdict for _ in range(3)]
    assert (down, up) == ([Verdict.FAILED] * 3, [Verdict.CLEAN] * 3)
    assert [line["log_level"] for line in journal] == ["warning", "info"]


async def test_a_scanner_looks_at_few_mails_at_a_time() -> None:
    class Counting(Clamd):
        now = most = 0

        async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.now += 1
            self.most = max(self.most, self.now)
            await super().talk(reader, writer)
            self.now -= 1

    async with listening(Counting()) as daemon:
        scanners = Scanners([at(daemon)], 20.0, MIB)
        found = await asyncio.gather(*(scanners.scan(mail()) for _ in range(5 * MAX_AT_ONCE)))
    assert all(one.verdict is Verdict.CLEAN for (one,) in found)
    assert 1 < daemon.most <= MAX_AT_ONCE


async def test_a_fault_of_ours_is_a_failure_too() -> None:
    class Broken(clamd.Clamd):
        async def scan(self, mail: Scannable) -> Scan:
            raise KeyError("x")

    with capture_logs() as journal:
        assert (await scan(Broken(("127.0.0.1", 1)), mail())).verdict is Verdict.FAILED
    assert journal[0]["log_level"] == "error"
