"""Commands in mail, over SMTP: an agent's are obeyed, nobody else's, and what was not is told to the agent alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select

from smtpintake.store.database import Database
from smtpintake.store.schema import OutboxMail
from tests.dns import dns_server
from tests.mail.letters import mail
from tests.server import Server, log_id

POLICY = """\
[[project]]
key = "SUP"
name = "Support"
issue_types = [{ name = "incident", prefix = "IN" }, { name = "task", prefix = "TK" }]

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
auto_reply = { enabled = false }

[[person]]
name = "Ana"
addresses = ["ana@local.example", "ana@other.example"]
roles = { SUP = "agent" }

[[person]]
name = "Ben"
addresses = ["ben@local.example"]
roles = { SUP = "agent" }
"""
ZONE = {"local.example": {"TXT": "v=spf1 ip4:127.0.0.0/8 -all"}, "evil.example": {"TXT": "v=spf1 ip4:127.0.0.1 -all"}}
CARA, ANA = "Cara <cara@customer.example>", "Ana <ana@local.example>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dns_server(ZONE) as zone:
        server = Server(
            tmp_path_factory.mktemp("commands"),
            {"SMTPINTAKE_AUTHENTICATION__VERIFY": "true", "SMTPINTAKE_DNS__NAMESERVERS": zone.address},
        )
        server.prepare(POLICY)
        server.start()
        yield server
        server.stop()


def submit(server: Server, author: str, subject: str, body: str, *fields: str, mail_from: str = "") -> tuple[str, str]:
    """The issue that the reply names, and the log row."""
    address = author.partition("<")[2].rstrip(">")
    raw = mail("To: support@example.org", f"Subject: {subject}", *fields, author=author, body=body)
    with server.client() as client:
        client.ehlo("mx.local.example")
        client.mail(mail_from or address)
        client.rcpt("support@example.org")
        code, reply = client.data(raw)
    assert code == 250, reply
    return reply.decode().split()[1], log_id(reply)


def issue_of_cara(server: Server, subject: str) -> str:
    return submit(server, CARA, subject, "It smokes.\n")[0]


def shown(server: Server, key: str) -> dict[str, Any]:
    issue: dict[str, Any] = server.json("issue", "show", key)
    return issue


def reports(server: Server, key: str) -> list[OutboxMail]:
    database = Database(f"sqlite:///{server.database}")
    with database.session() as session:
        found = [row for row in session.scalars(select(OutboxMail)) if f"[{key}]" in row.subject]
    database.close()
    return found


def test_an_agent_answers_assigns_and_closes_in_one_mail(server: Server) -> None:
    key = issue_of_cara(server, "Printer")
    body = (
        "#Status closed\n#assign ben@local.example\n#tag printer\n#prioritty high\n\nReplaced the fuse.\n\n"
        "On 3 Nov 2025, at 10:00, Cara <cara@customer.example> wrote:\n> #priority urgent\n> It smokes.\n"
    )
    _, row = submit(server, ANA, f"Re: [{key}] Printer", body)
    issue = shown(server, key)
    assert (issue["status"], issue["assignee"]["address"], issue["tags"]) == (
        "closed",
        "ben@local.example",
        ["printer"],
    )
    assert issue["priority"] == "normal"
    answer, note = issue["comments"]
    assert answer["body_text"].startswith("#prioritty high\n\nReplaced the fuse.\n\nOn 3 Nov 2025")
    assert "> #priority urgent" in answer["body_text"]  # she never wrote that: it stays, and is no command
    assert (answer["quoted"], answer["internal"]) == ("unknown", False)
    assert answer["hidden_text"].startswith("#Status closed\n#assign")
    assert note["internal"]
    assert note["body_text"].split("\n") == [
        "status: open -> closed",
        "tags: none -> printer",
        "assignee: nobody -> ben@local.example",
    ]
    trace = server.json("log", "show", row)["trace"]
    assert [finding["result"] for finding in trace if finding["check"] == "commands"] == ["obeyed", "refused", "queued"]
    (report,) = reports(server, key)
    assert (report.kind, report.rcpt_to, report.mail_from) == ("commands", "ana@local.example", "")
    assert b"#prioritty high: there is no such command" in report.octets


def test_an_internal_note_is_only_that(server: Server) -> None:
    key = issue_of_cara(server, "Scanner")
    submit(server, ANA, f"Re: [{key}] Scanner", "#internal\nCara is right, it does.\n")
    issue = shown(server, key)
    assert [(each["body_text"], each["internal"]) for each in issue["comments"]] == [("Cara is right, it does.", True)]
    assert [each["address"] for each in issue["participants"]] == ["cara@customer.example"]
    assert reports(server, key) == []


def test_a_mail_of_commands_only_leaves_a_note_of_what_changed(server: Server) -> None:
    key = issue_of_cara(server, "Lamp")
    submit(server, ANA, f"Re: [{key}] Lamp", "#priority high\n#type task\n")
    issue = shown(server, key)
    assert (issue["priority"], issue["type"]) == ("high", "task")
    (note,) = issue["comments"]
    assert (note["internal"], note["body_text"]) == (True, "priority: normal -> high\ntype: incident -> task")
    assert note["hidden_text"] == "#priority high\n#type task"


def test_an_agent_makes_an_issue_as_they_want_it(server: Server) -> None:
    key, _ = submit(server, ANA, "Order fuses", "#assign me\n#type task\n#priority low\n\nTen of them.\n")
    issue = shown(server, key)
    assert (issue["type"], issue["priority"], issue["assignee"]["name"], issue["body_text"]) == (
        "task",
        "low",
        "Ana",
        "Ten of them.",
    )


def test_an_agent_sends_a_mail_on(server: Server) -> None:
    key = issue_of_cara(server, "Fuse box")
    submit(server, ANA, f"Re: [{key}] Fuse box", "#forward expert@partner.example\n\nPlease have a look.\n")
    (sent,) = reports(server, key)
    assert (sent.kind, sent.rcpt_to, sent.mail_from) == ("forward", "expert@partner.example", "")
    assert b"Content-Type: message/rfc822" in sent.octets
    assert b"Please have a look." in sent.octets
    answer, note = shown(server, key)["comments"]
    assert (answer["body_text"], note["body_text"]) == ("Please have a look.", "sent on to expert@partner.example")


@pytest.mark.parametrize(
    ("author", "mail_from"),
    [
        ("Ana <ana@other.example>", "eve@evil.example"),  # an agent's address, and no proof that it is theirs
        ("Ana <ana@local.example>", "eve@nowhere.example"),
        ('"ana@local.example" <eve@evil.example>', "eve@evil.example"),
        (CARA, "cara@customer.example"),
    ],
)
def test_nobody_else_commands_anything(server: Server, author: str, mail_from: str) -> None:
    subject = f"From {mail_from} as {len(author)}"
    key = issue_of_cara(server, subject)
    body = "#status closed\n#assign ben@local.example\n#forward eve@evil.example\n#nonsense\n\nLet me in.\n"
    made, _ = submit(server, author, f"Re: [{key}] {subject}", body, mail_from=mail_from)
    assert (shown(server, key)["status"], shown(server, key)["assignee"]) == ("open", None)
    issue = shown(server, made)
    assert (issue["status"], issue["assignee"]) == ("open", None)
    text = issue["comments"][-1]["body_text"] if issue["comments"] else issue["body_text"]
    assert text == body.rstrip()
    assert reports(server, key) + reports(server, made) == []
