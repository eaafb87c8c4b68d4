"""A customer and two agents, with their mail programs: mail in over SMTP, mail out by way of a smarthost.

Each pair of programs has an issue of its own, in a project of its own; the conversations go on at the same time.
"""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.utils import parseaddr

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
    Received,
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

[[person]]
name = "Ben Okri"
addresses = ["ben.{name}@agents.example"]
roles = {{ {key} = "agent" }}
"""
ZONE = {name: {"TXT": "v=spf1 ip4:127.0.0.0/8 -all"} for name in ("customer.example", "agents.example")}
# The programs of the customer and of the agent. Some forget what they should keep.
PAIRS: dict[str, tuple[Program, Program]] = {
    "gmail": (GMAIL, OUTLOOK),
    "outlook": (OUTLOOK, GMAIL),
    "apple": (APPLE, THUNDERBIRD),
    "thunderbird": (THUNDERBIRD, APPLE),
    "unthreaded": (replace(GMAIL, refers=()), PLAIN),
    "unkeyed": (replace(OUTLOOK, prefix="AW: ", knows_reply_to=False), replace(APPLE, refers=("In-Reply-To",))),
}
# What is said. An answer quotes everything before it, as its program does.
FIRE = "The printer on the second floor is on fire, and nobody has an extinguisher that works."
WAITS = "I wait beside the printer, which still burns a little."
ASKS = "Which model is it, and is it still connected to the mains?"
TELLS = "It is the old LaserJet 4, and the plug is behind it, where nobody gets to."
CONFIDES = "Between us: the LaserJets of that floor were to be replaced last year."
AGREES = "I have found the order, it was never sent; do not tell them."
CLOSES = "Somebody has switched off the mains, and a new printer comes on Thursday."
COMPLAINS = "It is Thursday, and it smokes again, though it is new."
ENDS = "I am on my way with a better one."


@dataclass
class Conversation:
    """Who said it, and about which issue."""

    cara: Account
    ana: Account
    ben: Account
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
    """From the fire to the better printer, by mail alone."""
    cara = Account("Cara Roe", f"cara.{name}@customer.example", PAIRS[name][0], server, office)
    ana, ben = (
        Account(who, f"{who[:3].lower()}.{name}@agents.example", PAIRS[name][1], server, office)
        for who in ("Ana Ruiz", "Ben Okri")
    )
    said = cara.write(f"{name}@example.org", "The printer is on fire", FIRE)
    key = said.removesuffix(" created")

    def answers(who: Account, mail: Received, words: str) -> None:
        assert who.answer(mail, words) == f"{key} commented"

    receipt = cara.hears(key)
    ana.hears(FIRE)
    answers(cara, receipt, WAITS)
    answers(ana, ana.hears(WAITS), ASKS)
    answers(cara, cara.hears(ASKS), TELLS)
    told = ana.hears(TELLS)
    answers(ana, told, f"#internal\n\n{CONFIDES}")
    answers(ben, ben.hears(CONFIDES), AGREES)
    ana.hears(AGREES)
    answers(ana, told, f"#status closed\n#assign me\n\n{CLOSES}")
    answers(cara, cara.hears(CLOSES), COMPLAINS)
    answers(ana, ana.hears(COMPLAINS), ENDS)
    cara.hears(ENDS)
    return Conversation(cara, ana, ben, key)


@pytest.fixture(params=PAIRS)
def conversation(conversations: dict[str, "Future[Conversation]"], request: pytest.FixtureRequest) -> Conversation:
    return conversations[request.param].result()


def test_the_issue_has_each_sentence_once(conversation: Conversation, server: Server) -> None:
    issue = issue_of(server, conversation.key)
    notes = [comment["body_text"] for comment in issue["comments"] if comment["internal"]]
    answers = [comment["body_text"] for comment in issue["comments"] if not comment["internal"]]
    assert [issue["body_text"], *answers] == [FIRE, WAITS, ASKS, TELLS, CLOSES, COMPLAINS, ENDS]
    assert notes[:2] == [CONFIDES, AGREES]
    assert {comment["quoted"] for comment in issue["comments"]} <= {"", "proved"}
    assert (issue["status"], issue["assignee"]) == ("open", {"name": "Ana Ruiz", "address": conversation.ana.address})


def test_the_customer_hears_what_agents_answer_once_and_nothing_else(conversation: Conversation) -> None:
    cara = conversation.cara
    assert said_to(cara) == [ASKS, CLOSES, ENDS]
    assert [name_of(mail) for mail in cara.received] == ["Customer support", *["Ana Ruiz (Customer support)"] * 3]
    for mail in cara.received:
        assert not re.search(r"#[a-z]|[Ii]nternal|agents\.example", mail.seen + mail.text)
        assert "agents.example" not in mail.message.as_string()


def test_an_agent_hears_what_others_wrote_once(conversation: Conversation) -> None:
    assert said_to(conversation.ana) == [FIRE, WAITS, TELLS, AGREES, COMPLAINS]
    assert said_to(conversation.ben) == [FIRE, WAITS, ASKS, TELLS, CONFIDES]
    cara = [mail for mail in conversation.ana.received if "Cara" in mail["From"]]
    assert {name_of(mail) for mail in cara} == {"Cara Roe (via Customer support)"}
    assert all(f"Cara Roe <{conversation.cara.address}> wrote:" in mail.text for mail in cara)
    colleagues = [mail for mail in conversation.ben.received if "Ana" in mail["From"]]
    assert [name_of(mail) for mail in colleagues] == ["Ana Ruiz (Customer support)"] * 2


def test_closing_and_reopening_are_told_with_the_words(conversation: Conversation) -> None:
    cara, ana = conversation.cara, conversation.ana
    assert "The status changed from open to closed." in cara.hears(CLOSES).seen
    assert "The status changed from closed to open." in ana.hears(COMPLAINS).seen


def test_mails_say_what_they_are(conversation: Conversation) -> None:
    receipt, *answers = conversation.cara.received
    assert (receipt.mail_from, receipt["Auto-Submitted"]) == ("<>", "auto-replied")
    assert {mail["Auto-Submitted"] for mail in answers} == {"no"}
    news = [*conversation.ana.received, *conversation.ben.received]
    assert {mail["Auto-Submitted"] for mail in news} == {"auto-generated"}
    assert all("+" in mail.mail_from for mail in (*answers, *news))
    everything = (*conversation.cara.received, *news)
    assert {mail["Subject"] for mail in everything} == {f"Re: [{conversation.key}] The printer is on fire"}
    assert len({mail["Reply-To"] for mail in everything}) == 5  # of each one's own; two have one for what is internal


def test_every_program_shows_one_conversation(conversation: Conversation) -> None:
    for who in (conversation.cara, conversation.ana, conversation.ben):
        assert len(who.conversations()) == 1


def said_to(who: Account) -> list[str]:
    """The sentences that somebody was sent, in order, as often as they stand there; HTML and text say the same."""
    every = (FIRE, WAITS, ASKS, TELLS, CONFIDES, AGREES, CLOSES, COMPLAINS, ENDS)
    read = [[each for each in every for _ in range(flat(mail.seen).count(each))] for mail in who.received]
    plain = [[each for each in every for _ in range(flat(mail.text).count(each))] for mail in who.received]
    assert read == plain
    return [sentence for mail in read for sentence in mail]


def flat(text: str) -> str:
    return " ".join(text.split())


def name_of(mail: Received) -> str:
    return parseaddr(mail["From"])[0]


def issue_of(server: Server, key: str) -> IssueView:
    database = Database(f"sqlite:///{server.database}")
    with database.session() as session:
        issue = issue_view(session, key)
    database.close()
    assert issue is not None
    return issue
