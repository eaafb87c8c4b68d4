"""What a newcomer does in the first hour, over a real socket, and what the commands then tell."""

import re
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.server import PATIENCE, Server, log_id, running

ROOT = Path(__file__).parents[2]


def mail(to: str, subject: str, author: str = "Cara <cara@customer.example>", **fields: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = author, to, subject
    message["Message-ID"] = f"<{abs(hash((to, subject, author)))}@customer.example>"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content("It smokes.\n")
    return message


def submit(server: Server, message: EmailMessage, to: str) -> tuple[int, str]:
    with server.client() as client:
        client.ehlo_or_helo_if_needed()
        client.mail("cara@customer.example")
        code, reply = client.rcpt(to)
        if code == 250:
            code, reply = client.data(message.as_bytes(policy=SMTP))
        return code, reply.decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests here, which come in the order of the hour."""
    yield from running(Server(tmp_path_factory.mktemp("first-hour")))


def test_created_commented_refused_unknown_and_all_of_it_told(server: Server) -> None:
    first = mail("support@example.org", "The printer")
    created = submit(server, first, "support@example.org")
    assert created[0] == 250
    assert created[1].startswith("2.0.0 SUP-1 created; log ")

    reply = mail("support@example.org", "Re: The printer", In_Reply_To=str(first["Message-ID"]))
    commented = submit(server, reply, "support@example.org")
    assert commented[1].startswith("2.0.0 SUP-1 commented; log ")

    refused = submit(server, mail("partners@example.org", "Hello"), "partners@example.org")
    assert refused[0] == 550
    assert refused[1].startswith("5.7.1 sender.unknown: ")

    unknown = submit(server, mail("nobody@example.org", "Hello"), "nobody@example.org")
    assert unknown[0] == 550
    assert unknown[1].startswith("5.1.1 rcpt.unknown: ")

    issue = server.json("issue", "show", "SUP-1")
    assert (issue["title"], issue["reporter"]["address"]) == ("The printer", "cara@customer.example")
    assert [comment["body_text"] for comment in issue["comments"]] == ["It smokes."]
    assert issue["log_id"] == log_id(created[1])

    log = server.json("log", "list")
    assert [(row["outcome"], row["reason"]) for row in reversed(log)] == [
        ("created", "thread.new"),
        ("commented", "thread.reference"),
        ("rejected", "sender.unknown"),
        ("rejected", "rcpt.unknown"),
    ]
    shown = server.json("log", "show", log_id(refused[1]))
    assert shown["reply"] == {"code": 550, "status": "5.7.1", "text": refused[1].partition(" ")[2]}
    assert shown["trace"][-1]["check"] == "unknown_senders"
    assert server.command("log", "raw", log_id(created[1])).startswith("From: Cara")

    (waiting,) = server.json("outbox", "list")
    assert (waiting["rcpt_to"], waiting["state"], waiting["issue"]) == ("cara@customer.example", "queued", "SUP-1")


def test_the_same_mail_again_adds_nothing(server: Server) -> None:
    issues = len(server.json("issue", "list"))
    message = mail("support@example.org", "The scanner")
    first, *again = (submit(server, message, "support@example.org")[1].partition(";")[0] for _ in range(3))
    assert first.startswith("2.0.0 SUP-")
    assert again == [first] * 2
    log = server.json("log", "list")[:3]
    assert [(row["outcome"], row["subject"]) for row in log] == [
        ("duplicate", "The scanner"),
        ("duplicate", "The scanner"),
        ("created", "The scanner"),
    ]
    assert len(server.json("issue", "list")) == issues + 1


def test_a_change_of_policy_is_followed_without_a_restart(server: Server) -> None:
    added = '\n[[inbox]]\nname = "new"\naddresses = ["new@example.org"]\nproject = "SUP"\nunknown_senders = "create"\n'
    policy = server.folder / "policy.toml"
    assert submit(server, mail("new@example.org", "Hello"), "new@example.org")[0] == 550
    policy.write_text(policy.read_text() + added)
    server.command("apply", str(policy))
    # The server looks once a second while it is idle, and with each mail.
    for _ in range(100):
        code, reply = submit(server, mail("new@example.org", "Hello"), "new@example.org")
        if code == 250:
            break
    assert (reply[:10], reply.partition(";")[0][-8:]) == ("2.0.0 SUP-", " created")
    assert server.json("log", "show", log_id(reply))["policy_version"] == 2


def test_what_the_readme_and_make_run_say_to_try_works(tmp_path: Path) -> None:
    told = re.findall(r"```sh\n((?:swaks|python3 -).*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(told) == 2
    printed = (ROOT / "conf" / "try-it.txt").read_text()
    for each in told:
        assert f"\n{each}\n" in printed
    server = Server(tmp_path)
    for _ in running(server):
        script = told[1].replace("2525", str(server.port)).replace("python3", sys.executable)
        tried = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert "2.0.0 SUP-1 created;" in tried.stderr
        assert "2.0.0 SUP-1 commented;" in tried.stderr
