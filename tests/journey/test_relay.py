"""A mail server in front: Postfix relays to us, swaks speaks to us, a pipe hands mail to `deliver`."""

import re
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from smtpintake.store.database import Database
from smtpintake.store.maillog import LogFilter, log_list
from smtpintake.store.views import LogView
from tests.journey.test_first_hour import mail
from tests.postfix import SENDER, Postfix, relaying, swaks
from tests.server import Server, log_id
from tests.smarthost import Host, listening


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests here; each looks at its own mail."""
    server = Server(tmp_path_factory.mktemp("relayed"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postfix(relayed: Server) -> Iterator[Postfix]:
    with relaying(relayed.port) as postfix:
        yield postfix


def logged(server: Server, *subjects: str) -> list[list[LogView]]:
    """The rows about mails with each of these subjects, oldest first."""
    database = Database(server.environment["SMTPINTAKE_DATABASE__URL"])
    with database.session() as session:
        rows = log_list(session, LogFilter(), 1000)[::-1]
    database.close()
    return [[row for row in rows if row["subject"] == subject] for subject in subjects]


def send(client: smtplib.SMTP, message: EmailMessage, *recipients: str) -> None:
    with client:
        assert client.sendmail(SENDER, recipients, message.as_bytes(policy=SMTP)) == {}


def test_mail_through_postfix_becomes_issues_and_comments(relayed: Server, postfix: Postfix) -> None:
    first = mail("support@example.org", "By smtplib")
    send(postfix.client(), first, "support@example.org", "support+again@example.org")
    postfix.until_empty()
    send(
        postfix.client(), mail("support@example.org", "Re: it", In_Reply_To=first["Message-ID"]), "support@example.org"
    )
    assert "250 2.0.0 Ok: queued" in swaks(postfix.port, "support@example.org", "By swaks")
    postfix.until_empty()
    (first_row, its_twin), (commented,), (second,) = logged(relayed, "By smtplib", "Re: it", "By swaks")
    assert (first_row["outcome"], commented["outcome"], second["outcome"]) == ("created", "commented", "created")
    assert first_row["transaction_id"] == its_twin["transaction_id"]  # two addresses of one inbox: one issue
    assert its_twin["issue"] == first_row["issue"] == commented["issue"] != second["issue"]
    assert (first_row["helo"], first_row["mail_from"]) == ("relay.example", SENDER)


async def test_a_refusal_comes_back_to_the_sender_with_our_words(relayed: Server, postfix: Postfix) -> None:
    async with listening(Host(port=postfix.customer)) as customer:
        recipients = "partners@example.org", "nobody@example.org"
        send(postfix.client(), mail("partners@example.org", "A stranger"), *recipients)
        await customer.until(1)
        postfix.until_empty()
    (bounce,) = customer.taken
    assert (bounce.mail_from, bounce.rcpt_tos) == ("<>", [SENDER])
    told = " ".join(bytes(bounce.content or b"").decode().split())
    assert "550 5.7.1 sender.unknown: this address takes mail from registered senders only; log " in told
    assert "550 5.1.1 rcpt.unknown: no such recipient here, check the address; log " in told
    ((row,),) = logged(relayed, "A stranger")
    assert (row["outcome"], row["rcpt_to"]) == ("rejected", "partners@example.org")


def test_what_we_defer_waits_and_comes_once(relayed: Server, postfix: Postfix) -> None:
    spool = relayed.folder / "blobs" / "spool"
    spool.rename(spool.with_name("away"))
    message = mail("support@example.org", "Later")
    message.add_attachment(b"x" * 400_000, "application", "octet-stream", filename="large.bin")
    send(postfix.client(), message, "support@example.org")
    assert "452 4.3.1 fault.storage: " in postfix.until_deferred()
    spool.with_name("away").rename(spool)
    postfix.retry()
    postfix.until_empty()
    # The spool is gone before the header is read: what was deferred has no subject in the log.
    ((row,),) = logged(relayed, "Later")
    assert (row["outcome"], row["reason"]) == ("created", "thread.new")
    (attachment,) = relayed.json("issue", "show", row["issue"])["attachments"]
    assert (attachment["name"], attachment["size"]) == ("large.bin", 400_000)


def test_postfix_asks_before_it_answers(postfix: Postfix) -> None:
    with postfix.client(postfix.asking) as client:
        client.ehlo()
        client.mail(SENDER)
        code, text = client.rcpt("nobody@example.org")
        assert code == 550
        assert b"rcpt.unknown" in text
        assert client.rcpt("support@example.org")[0] == 250


def test_swaks_without_a_relay(relayed: Server) -> None:
    told = swaks(relayed.port, "support@example.org", "Straight from swaks")
    assert re.search(r"^<-  250 2\.0\.0 SUP-[0-9]+ created; log ", told, re.MULTILINE), told
    assert "<** 550 5.7.1 sender.unknown: " in swaks(relayed.port, "partners@example.org", "A stranger")


def test_a_pipe_hands_mail_to_deliver(relayed: Server) -> None:
    # As Postfix's pipe(8) does with flags=F: a line of the mailbox format, and line ends of the system's own. One of
    # another kind has slipped in.
    piped = b"From cara@customer.example  Mon Nov  3 10:00:00 2025\n" + mail("support@example.org", "Piped").as_bytes()
    piped += b"Cara\r\n"
    envelope = ("--mail-from", SENDER, "--peer", "192.0.2.7", "--helo", "relay.example")
    taken = relayed.command("deliver", "-", "--to", "support@example.org", *envelope, stdin=piped)
    refused = relayed.command("deliver", "-", "--to", "partners@example.org", *envelope, stdin=piped, status=77)
    assert refused.startswith("550 5.7.1 sender.unknown: ")
    ((row, other),) = logged(relayed, "Piped")
    assert (row["id"], row["outcome"]) == (log_id(taken.strip()), "created")
    assert (other["id"], other["outcome"]) == (log_id(refused.strip()), "rejected")
    assert (row["author"], row["mail_from"], row["peer_ip"], row["helo"]) == (
        SENDER,
        SENDER,
        "192.0.2.7",
        "relay.example",
    )
