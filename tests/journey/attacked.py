"""A tracker to attack: who is in it, how a mail comes in, and what must be as it was afterwards.

Real octets, really analysed, judged and recorded; what SPF, DKIM and DMARC said is given by hand but where that is what
is attacked.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from smtpintake.auth import verify as authentication
from smtpintake.auth.results import AuthVerdict
from smtpintake.intake.analysis import Task, analyse
from smtpintake.intake.submission import Raw, Submission
from smtpintake.mail.envelope import Login
from smtpintake.mail.ids import new_id
from smtpintake.store.database import Database
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    LogRow,
    OutboxMail,
    Participant,
    Person,
    PersonAddress,
    PersonRole,
    ThreadKey,
)
from tests import make
from tests.databases import configured
from tests.decide.verdicts import verdict
from tests.intake.test_record import World
from tests.mail.letters import crlf

POLICY = {
    "project": [
        {"key": "SUP", "name": "Support", "issue_types": [{"name": "incident", "prefix": "IN"}]},
        {"key": "OPS", "name": "Operations", "issue_types": [{"name": "alert", "prefix": "AL"}]},
    ],
    "inbox": [
        {
            "name": "support",
            "addresses": ["support@example.org", "@else.example"],
            "project": "SUP",
            "unknown_senders": "create",
            "denied_senders": ["bob@spam.example"],
            "trusted_sealers": ["lists.example"],
        },
        {"name": "ops", "addresses": ["ops@example.org"], "project": "OPS", "unknown_senders": "create"},
        {"name": "closed", "addresses": ["closed@example.org"], "project": "SUP"},
        {
            "name": "partners",
            "addresses": ["partners@example.org"],
            "project": "SUP",
            "unknown_senders": "create",
            "allowed_domains": [{"domain": "customer.example", "proof": "aligned"}],
        },
        # It does not even do what the author's domain asks for.
        {
            "name": "lax",
            "addresses": ["lax@example.org"],
            "project": "SUP",
            "unknown_senders": "create",
            "obey_dmarc": False,
        },
    ],
    "person": [
        {"name": "Ana", "addresses": ["ana@agents.example"], "roles": {"SUP": "agent"}},
        {"name": "Olga", "addresses": ["olga@agents.example"], "roles": {"OPS": "agent"}},
        {"name": "Kate", "addresses": ["kate@customer.example"], "roles": {"SUP": "customer"}},
        {"name": "Gone", "addresses": ["gone@agents.example"], "roles": {"SUP": "manager"}},
    ],
}
OWN = verdict("pass evil.example", "pass evil.example", "reject", aligned="spf dkim", dmarc="pass")
"""The attacker's own domain, all in order: what every attacker can have."""
NOTHING = verdict("none evil.example")
"""The domain in From publishes nothing."""
DISOWNED = verdict("pass evil.example", "pass evil.example", "reject")
"""The domain in From publishes p=reject, and says that it was not them."""
QUARANTINED = verdict("pass evil.example", "pass evil.example", "quarantine")
EVE = "eve@evil.example"
CARA = "cara@customer.example"
FIRST = "first@customer.example"


FROM_EVE = f"From: Eve <{EVE}>\n"
FROM_CARA = f"From: Cara <{CARA}>\n"
FROM_ANA = "From: Ana <ana@agents.example>\n"


@dataclass(frozen=True)
class Scene:
    """SUP-1 is Cara's, with Dora in Cc; OPS-1 is Cara's, too. `key` is Cara's reply key for SUP-1, `answer` the
    Message-ID of what we wrote to her.
    """

    file: Path
    key: str
    answer: str


def stage(file: Path) -> Scene:
    """The scene, in an SQLite database at `file`."""
    database = Database(configured(f"sqlite:///{file}", POLICY))
    with database.writing() as session:
        session.execute(update(Person).where(Person.name == "Gone").values(active=False))
    database.close()
    world = World(f"sqlite:///{file}")
    head = FROM_CARA + f"Cc: Dora <dora@customer.example>\nSubject: Printer\nMessage-ID: <{FIRST}>\n"
    world.submit(mail(head, mail_from=CARA))
    world.submit(mail(FROM_CARA + "Subject: Server\nMessage-ID: <ops@customer.example>\n", "ops@example.org"))
    key, _ = [row.value for row in world.rows(ThreadKey) if row.kind == "reply-key"]
    answer = world.rows(OutboxMail)[0].message_id
    world.database.close()
    return Scene(file, key, answer)


def mail(
    head: str | bytes,
    *recipients: str,
    body: str | bytes = "Give me money.\n",
    mail_from: str | None = EVE,
    auth: AuthVerdict | None = OWN,
    login: Login | None = None,
    evidence: authentication.Evidence | None = None,
) -> Submission:
    """`head` and `body` as one mail, analysed as the intake does it. `auth` is what was verified; None asks for it."""
    raw = crlf(head) + b"\r\n" + crlf(body)
    separators = ("-- reply above this line --",)
    analysis = analyse(Task(raw, None, "0" * 64, separators, evidence))
    if auth is not None:
        analysis = replace(analysis, auth=auth)
    envelope = make.envelope(*recipients, mail_from=mail_from, transaction_id=new_id(make.NOW), login=login)
    return Submission(envelope, Raw(len(raw), analysis.message.sha256, raw), analysis, None, 0.0)


# ---- what must not change ------------------------------------------------------------------------------------------

TABLES = (Issue, Comment, Participant, Attachment, ThreadKey, IssueLink, Person, PersonAddress, PersonRole, OutboxMail)


def everything(world: World) -> dict[type, dict[tuple[Any, ...], dict[str, Any]]]:
    """Every row of the tracker, by its primary key."""
    found: dict[type, dict[tuple[Any, ...], dict[str, Any]]] = {}
    with Session(world.database.engine) as session:
        for model in TABLES:
            table = model.__table__
            rows = session.execute(select(table)).mappings().all()
            found[model] = {tuple(row[column.name] for column in table.primary_key): dict(row) for row in rows}
    return found


def added(before: Any, after: Any, model: type) -> list[dict[str, Any]]:
    """The new rows. What was there is as it was."""
    assert {key: after[model].get(key) for key in before[model]} == before[model], f"{model.__name__} was changed"
    return [row for key, row in after[model].items() if key not in before[model]]


def assert_no_more_than_a_stranger(before: Any, world: World, author: str, proof: str, *, answered: bool) -> None:
    """At most an issue of `author`'s own came to be, with what belongs to it."""
    after = everything(world)
    new = {model: added(before, after, model) for model in TABLES}
    assert new[Comment] == []
    people = {person["id"] for person in new[Person]}
    assert all(role["person_id"] in people and role["role"] == "customer" for role in new[PersonRole])
    own = {issue["id"] for issue in new[Issue]}
    for issue in new[Issue]:
        assert (issue["reporter_address"], issue["proof"]) == (author, proof)
        assert (issue["status"], issue["priority"], issue["assignee_id"], issue["tags"]) == ("open", "normal", None, [])
        assert issue["title"].isprintable()
        assert issue["reporter_name"].isprintable()
    for model in (Participant, Attachment, ThreadKey, IssueLink):
        assert {row["issue_id"] for row in new[model]} <= own
    assert {row["kind"] for row in new[IssueLink]} <= {"mentions"}
    assert all(person["origin"] == "mail" for person in new[Person])
    assert {address["address"] for address in new[PersonAddress]} <= {author}
    # One mail has one answer at most, and none where it refers to an issue of others.
    recipients = [row["rcpt_to"] for row in new[OutboxMail]]
    assert recipients in ([], [author])
    if not answered or (own and not new[IssueLink]):
        assert recipients == ([author] if answered else [])
    for row in new[OutboxMail]:
        head = row["octets"].partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nbcc" not in head
        assert head.count(b"\r\nto:") == head.count(b"\r\nsubject:") == 1


def assert_the_victim_is_served(world: World) -> None:
    """Cara's next mail finds her issue, whatever was tried."""
    head = f"From: Cara <{CARA}>\nSubject: Re: Printer\nMessage-ID: <next@customer.example>\nIn-Reply-To: <{FIRST}>\n"
    (reply,) = world.submit(mail(head, mail_from=CARA))
    assert "SUP-1 commented" in reply


def outcomes(world: World) -> list[tuple[str, str]]:
    """Outcome and reason of each mail after the two of the scene."""
    return [(row.outcome, row.reason) for row in world.rows(LogRow)[2:]]
