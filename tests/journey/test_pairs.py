"""`[[pair]]`: one mail to two inboxes over SMTP, with the settings in TOML."""

from collections.abc import Iterator

import pytest

from tests.mail.letters import mail
from tests.server import Server

POLICY = """\
[[project]]
key = "SUP"
name = "Support"

[[project]]
key = "SAL"
name = "Sales"
issue_types = [{ name = "request", prefix = "RQ" }]

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
require = "none"
auto_reply = { least_proof = "none" }

[[inbox]]
name = "sales"
addresses = ["sales@example.org"]
project = "SAL"
unknown_senders = "create"
require = "none"
auto_reply = { least_proof = "none" }

[[inbox]]
name = "partners"
addresses = ["partners@example.org"]
project = "SUP"

[[pair]]
inboxes = ["support", "sales"]
issues = "one"

[[pair]]
inboxes = ["partners", "sales"]
issues = "linked"
"""
pytestmark = [pytest.mark.setting("pair.inboxes"), pytest.mark.setting("pair.issues")]


@pytest.fixture
def paired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pairs"))
    server.prepare(POLICY)
    server.start()
    yield server
    server.stop()


def told(server: Server, subject: str, *recipients: str, extra: tuple[str, ...] = ()) -> str:
    raw = mail(
        f"To: {', '.join(recipients)}",
        f"Subject: {subject}",
        f"Message-ID: <{subject.replace(' ', '.')}@customer.example>",
        *extra,
        author="Cara <cara@customer.example>",
    )
    with server.client() as client:
        client.ehlo_or_helo_if_needed()
        client.mail("cara@customer.example")
        for recipient in recipients:
            client.rcpt(recipient)
        code, reply = client.data(raw)
    return f"{code} {reply.decode().partition(';')[0]}"


def outcomes(server: Server) -> list[tuple[str, str, str | None]]:
    """Inbox, outcome and issue of each log row, by inbox."""
    return sorted((row["inbox"], row["outcome"], row["issue"]) for row in server.json("log", "list"))


BOTH = ("sales@example.org", "support@example.org")


def test_one_mail_is_one_issue_and_answers_work_through_either_inbox(paired: Server) -> None:
    assert told(paired, "Offer", *BOTH) == "250 2.0.0 SUP-1 created"
    assert told(paired, "Offer", *BOTH) == "250 2.0.0 SUP-1 created"  # RFC 1047: once more
    reference = ("In-Reply-To: <Offer@customer.example>",)
    assert told(paired, "Re: Offer", "sales@example.org", extra=reference) == "250 2.0.0 SUP-1 commented"
    assert told(paired, "AW: Offer", *BOTH, extra=reference) == "250 2.0.0 SUP-1 commented"
    assert outcomes(paired) == [
        ("sales", "commented", "SUP-1"),
        ("sales", "commented", "SUP-1"),
        ("sales", "created", "SUP-1"),
        ("sales", "duplicate", "SUP-1"),
        ("support", "commented", "SUP-1"),
        ("support", "created", "SUP-1"),
        ("support", "duplicate", "SUP-1"),
    ]
    (issue,) = paired.json("issue", "list")
    shown = paired.json("issue", "show", issue["key"])
    assert (len(shown["comments"]), shown["links"]) == (2, [])
    assert len(paired.json("outbox", "list")) == 1


def test_a_mail_that_its_server_splits_is_one_issue_as_well(paired: Server) -> None:
    assert told(paired, "Split", "sales@example.org") == "250 2.0.0 SAL-1 created"
    assert told(paired, "Split", "support@example.org") == "250 2.0.0 SAL-1 created"
    assert told(paired, "Split", "support@example.org") == "250 2.0.0 SAL-1 created"
    assert outcomes(paired) == [
        ("sales", "created", "SAL-1"),
        ("support", "created", "SAL-1"),
        ("support", "duplicate", "SAL-1"),
    ]


def test_where_one_inbox_refuses_the_other_makes_its_own(paired: Server) -> None:
    assert told(paired, "Mixed", "partners@example.org", *BOTH) == "250 2.0.0 SUP-1 created"
    assert outcomes(paired) == [
        ("partners", "held", None),
        ("sales", "created", "SUP-1"),
        ("support", "created", "SUP-1"),
    ]
