"""STARTTLS and implicit TLS over real sockets, on asyncio's loop and on uvloop, which is the server's."""

import asyncio
import ssl
from pathlib import Path

import pytest

from smtpintake.intake.certificate import Certificate
from smtpintake.intake.options import Options, TlsMode
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS
from tests.certificates import authority, issue
from tests.intake.smtpserver import GUARD, Client, serving

STARTTLS = Options(TlsMode.STARTTLS)
IMPLICIT = Options(TlsMode.IMPLICIT)
MAIL = "MAIL FROM:<cara@customer.example>"


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(*issue(tmp_path))


async def test_a_mail_by_starttls(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate) as server:
        client = await server.client()
        assert "STARTTLS" in (await client.ask("EHLO client.example")).splitlines()[-2]
        assert await client.ask(MAIL) == "250 2.1.0 sender OK"
        await client.start_tls()
        # RFC 3207 s4.2: nothing of what was said before counts.
        assert await client.ask("RCPT TO:<support@example.org>") == "503 5.5.1 send EHLO first"
        assert "STARTTLS" not in await client.ask("EHLO other.example")
        await client.envelope()
        body = b"".join(b"line %d\r\n" % n for n in range(100_000))
        assert (await client.data(body + b".\r\n")).startswith("250 2.0.0 SUP-1")
        assert await client.ask("STARTTLS") == "503 5.5.1 TLS already active"
        assert await client.ask("QUIT") == "221 2.0.0 bye"
        assert await client.reply() == ""
        envelope, octets = server.journey.mails[0]
        cipher = client.tls.cipher()
        assert cipher is not None
        assert envelope.tls == f"{client.tls.version()} {cipher[0]}"
        assert envelope.tls.startswith("TLSv1.3 TLS_AES_")
        assert octets == body


async def test_a_mail_by_implicit_tls(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(tmp_path / "spool", options=IMPLICIT, certificate=certificate) as server:
        client = await (await server.connect()).handshake()
        assert (await client.reply()).startswith("220 mx.example.org ")
        await client.envelope()
        assert "STARTTLS" not in await client.ask("EHLO client.example")
        assert await client.ask("STARTTLS") == "503 5.5.1 TLS already active"
        await client.envelope()
        assert (await client.data(b"x\r\n.\r\n")).startswith("250 2.0.0 SUP-1")
        assert server.journey.mails[0][0].tls is not None


@pytest.mark.parametrize("options", [Options(), Options(TlsMode.STARTTLS)])
async def test_starttls_has_its_grammar(tmp_path: Path, certificate: Certificate, options: Options) -> None:
    async with serving(tmp_path / "spool", options=options, certificate=certificate) as server:
        client = await server.client()
        if options.tls is TlsMode.OFF:
            assert "STARTTLS" not in await client.ask("EHLO client.example")
            assert await client.ask("STARTTLS") == "502 5.5.1 command not implemented"
        else:
            assert await client.ask("STARTTLS") == "503 5.5.1 send EHLO first"
            await client.hello()
            assert (await client.ask("STARTTLS now")).startswith("501 ")


async def test_what_follows_starttls_in_plain_text_is_never_obeyed(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate) as server:
        client = await (await server.client()).hello()
        await client.send(b"STARTTLS\r\nEHLO forged.example\r\nMAIL FROM:<forged@example.org>\r\n")
        assert await client.reply() == str(REFUSALS[Reason.TLS_PIPELINED])
        assert await client.reply() == ""
        # Later than STARTTLS, and so part of no handshake.
        client = await (await server.client()).hello()
        assert (await client.ask("STARTTLS")).startswith("220 ")
        await client.send(b"EHLO forged.example\r\n")
        assert b"250" not in await asyncio.wait_for(client.reader.read(), GUARD)
        # Half a command, then the handshake.
        client = await (await server.client()).hello()
        await client.send(b"STARTTLS\r\nRSE")
        assert await client.reply() == str(REFUSALS[Reason.TLS_PIPELINED])


async def test_what_the_client_says_behind_its_handshake_is_kept(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate) as server:
        client = await (await (await server.client()).hello()).start_tls()
        lines = [b"EHLO c.example", MAIL.encode(), b"RCPT TO:<support@example.org>", b"DATA"]
        body = b"x" * 70 + b"\r\n"
        await client.send(b"\r\n".join(lines) + b"\r\n")
        assert [(await client.reply())[:3] for _ in lines] == ["250", "250", "250", "354"]
        await client.send(body * 5000 + b".\r\nQUIT\r\n")
        assert (await client.reply()).startswith("250 2.0.0 SUP-1")
        assert (await client.reply()).startswith("221 ")
        assert server.journey.mails[0][1] == body * 5000


@pytest.mark.parametrize("options", [STARTTLS, IMPLICIT])
async def test_a_client_that_never_shakes_hands_is_let_go(
    tmp_path: Path, certificate: Certificate, options: Options
) -> None:
    async with serving(tmp_path / "spool", options=options, certificate=certificate, handshake_timeout=0.2) as server:
        client = await server.connect()
        if options is STARTTLS:
            await client.reply()
            await client.hello()
            await client.ask("STARTTLS")
        assert await asyncio.wait_for(client.reader.read(), GUARD) == b""
        assert await server.listener.drain(GUARD) == 0


@pytest.mark.parametrize("options", [STARTTLS, IMPLICIT])
async def test_a_failed_handshake_ends_its_own_session_only(
    tmp_path: Path, certificate: Certificate, options: Options
) -> None:
    async with serving(tmp_path / "spool", options=options, certificate=certificate) as server:

        async def client_at_handshake() -> Client:
            client = await server.connect()
            if options is STARTTLS:
                await client.reply()
                await client.hello()
                assert (await client.ask("STARTTLS")).startswith("220 ")
            return client

        neighbour = await (await client_at_handshake()).handshake()
        garbage = await client_at_handshake()
        await garbage.send(b"GET / HTTP/1.1\r\nHost: mx.example.org\r\n\r\n")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("AES128-SHA")  # TLS 1.2 without forward secrecy, which no default has
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await (await client_at_handshake()).handshake(old)
        distrustful = ssl.create_default_context()
        with pytest.raises(ssl.SSLError):
            await (await client_at_handshake()).handshake(distrustful)
        gone = await client_at_handshake()
        await gone.close()
        await asyncio.wait_for(garbage.reader.read(), GUARD)
        if options is IMPLICIT:
            await neighbour.reply()
        await neighbour.envelope()
        assert (await neighbour.data(b"x\r\n.\r\n")).startswith("250 ")


async def test_a_handshake_under_way_is_cut_off_at_the_end_of_the_drain(
    tmp_path: Path, certificate: Certificate
) -> None:
    async with serving(tmp_path / "spool", options=IMPLICIT, certificate=certificate) as server:
        client = await server.connect()
        while not len(server.listener.sessions):
            await asyncio.sleep(0)
        assert await server.listener.drain(0.05) == 1
        assert await asyncio.wait_for(client.reader.read(), GUARD) == b""
        assert len(server.listener.sessions) == 0


async def test_deadlines_and_draining_hold_inside_tls(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate, idle_timeout=0.3) as server:
        client = await (await (await server.client()).hello()).start_tls()
        assert await client.reply() == str(REFUSALS[Reason.CONNECT_IDLE])
        assert await client.reply() == ""
    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate) as server:
        client = await (await (await (await server.client()).hello()).start_tls()).hello()
        drained = asyncio.create_task(server.listener.drain(GUARD))
        assert await client.reply() == str(REFUSALS[Reason.CONNECT_DRAINING])
        assert await client.reply() == ""
        assert await drained == 0


async def test_a_connection_that_breaks_inside_tls_ends_its_session(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate) as server:
        client = await (await (await server.client()).hello()).start_tls()
        await client.envelope()
        await client.ask("DATA")
        await client.send(b"half a mail")
        client.writer.transport.abort()
        assert await server.listener.drain(GUARD) == 0
        assert not server.journey.mails


async def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path, certificate: Certificate) -> None:
    async def name(expected: str) -> str:
        client = await (await (await server.client()).hello()).start_tls(name=expected)
        peer = client.tls.getpeercert()
        assert peer is not None
        return str(peer["subjectAltName"])

    async with serving(tmp_path / "spool", options=STARTTLS, certificate=certificate) as server:
        session = await (await (await server.client()).hello()).start_tls()
        issue(tmp_path, "new.example.org")
        certificate.refresh()
        assert await name("new.example.org") == "(('DNS', 'new.example.org'),)"
        # Half of a new pair, and nothing at all: the last good one stays.
        (tmp_path / "key.pem").write_text("no key")
        certificate.refresh()
        (tmp_path / "certificate.pem").unlink()
        certificate.refresh()
        assert await name("new.example.org") == "(('DNS', 'new.example.org'),)"
        issue(tmp_path, "newest.example.org")
        certificate.refresh()
        assert await name("newest.example.org") == "(('DNS', 'newest.example.org'),)"
        await session.envelope()


def test_the_files_are_looked_at_when_a_second_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate(*issue(tmp_path))
    first = certificate.context
    issue(tmp_path)
    clock = certificate._looked_at
    monkeypatch.setattr("smtpintake.intake.certificate.time.monotonic", lambda: clock + 0.9)
    assert certificate.context is first
    monkeypatch.setattr("smtpintake.intake.certificate.time.monotonic", lambda: clock + 1)
    second = certificate.context
    assert second is not first
    assert certificate.context is second


def test_a_pair_that_cannot_be_used_is_logged_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = Certificate(*issue(tmp_path))
    used = certificate.context
    (tmp_path / "key.pem").write_bytes(authority().issue_cert("other.example.org").private_key_pem.bytes())
    certificate.refresh()
    certificate.refresh()
    assert certificate.context is used
    assert capsys.readouterr().out.count("cannot be used") == 1


def test_a_first_pair_that_cannot_be_used_is_a_fault(tmp_path: Path) -> None:
    files = issue(tmp_path)
    files[1].write_text("no key")
    with pytest.raises(ssl.SSLError):
        Certificate(*files)
    with pytest.raises(FileNotFoundError):
        Certificate(tmp_path / "none.pem", files[1])


def test_nothing_older_than_tls_1_2(certificate: Certificate) -> None:
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
