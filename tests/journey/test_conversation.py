"""A customer and an agent who know nothing but their mail programs: mail in over SMTP, mail out by way of a smarthost.

Each pair of programs has an issue of its own, in a project of its own; the conversations go on at the same time.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from smtpintake.store.database import Database
from smtpintake.store.tracker import issue_view
from smtpintake.store.views import IssueView
from tests.dns import dns_server
from tests.mailclients import (
    APPLE,
    GMAIL,
    OUTLOOK,
    PLAIN,
    THUNDERBIRD,
    Account,
    PostOffice,
    Program,
    post_office,
)
from tests.server import Server

PROJECT = """\
[[project]]
key = "{key}"
name = "Customer support"

[[inbox]]
name = "{name}"
addresses = ["{name}@example.org"]
project = "{key}"
unknown_senders = "create"

[[person]]
name = "Ana Ruiz"
addresses = ["ana.{name}@agents.example"]
roles = {{ {key} = "agent" }}
"""
ZONE = {name: {"TXT": "v=spf1 ip4:127.0.0.0/8 -all"} for name in ("customer.example", "agents.example")}
# The programs of the customer and of the agent. Some forget what they should keep.
PAIRS: dict[str, tuple[Program, Program]] = {
    "gmail": (GMAIL, OUTLOOK),
    "outlook": (OUTLOOK, GMAIL),
    "apple": (APPLE, THUNDERBIRD),
    "thunderbird": (THUNDERBIRD, APPLE),
    "plain": (PLAIN, PLAIN),
    "german": (replace(OUTLOOK, prefix="AW: "), OUTLOOK),
    "unthreaded": (replace(GMAIL, refers=()), GMAIL),
    "unkeyed": (replace(APPLE, knows_reply_to=False), replace(OUTLOOK, refers=("In-Reply-To",))),
}
FIRE = "The printer on the second floor is on fire, and nobody has an extinguisher that works."
THANKS = "Thank you; I wait beside the printer, which still burns a little."


@dataclass
class Conversation:
    """Who said it, and about which issue."""

    cara: Account
    ana: Account
    key: str


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, office: PostOffice) -> Iterator[Server]:
    with dns_server(ZONE) as zone:
        server = Server(
            tmp_path_factory.mktemp("conversation"),
            {
                "SMTPINTAKE_AUTHENTICATION__VERIFY": "true",
                "SMTPINTAKE_DNS__NAMESERVERS": zone.address,
                "SMTPINTAKE_SMARTHOST__HOST": "127.0.0.1",
                "SMTPINTAKE_SMARTHOST__PORT": str(office.port),
            },
        )
        server.prepare("\n".join(PROJECT.format(key=name[:3].upper() + name[3:4].upper(), name=name) for name in PAIRS))
        server.start("serve")
        yield server
        server.stop()


@pytest.fixture(scope="module")
def conversations(server: Server, office: PostOffice) -> Iterator[dict[str, "Future[Conversation]"]]:
    """All of them, under way."""
    with ThreadPoolExecutor(len(PAIRS)) as pool:
        yield {name: pool.submit(converse, name, server, office) for name in PAIRS}


def converse(name: str, server: Server, office: PostOffice) -> Conversation:
    cara = Account("Cara Roe", f"cara.{name}@customer.example", PAIRS[name][0], server, office)
    ana = Account("Ana Ruiz", f"ana.{name}@agents.example", PAIRS[name][1], server, office)
    key, done = cara.write(f"{name}@example.org", "The printer is on fire", FIRE).split()
    assert done == "created"
    assert cara.answer(cara.next(), THANKS) == f"{key} commented"
    return Conversation(cara, ana, key)


@pytest.fixture(params=PAIRS)
def conversation(conversations: dict[str, "Future[Conversation]"], request: pytest.FixtureRequest) -> Conversation:
    return conversations[request.param].result()


def test_the_issue_has_each_sentence_once(conversation: Conversation, server: Server) -> None:
    issue = issue_of(server, conversation.key)
    assert [issue["body_text"], *(comment["body_text"] for comment in issue["comments"])] == [FIRE, THANKS]


def issue_of(server: Server, key: str) -> IssueView:
    database = Database(f"sqlite:///{server.database}")
    with database.session() as session:
        issue = issue_view(session, key)
    database.close()
    assert issue is not None
    return issue
