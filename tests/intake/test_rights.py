"""Who may do what by mail, and with what proof: policies in force, mails recorded, and what became of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.decide.policy import read_document
from smtpintake.store.configure import apply
from smtpintake.store.peopleview import person_view
from smtpintake.store.schema import Comment, Issue, LogRow, OutboxMail, Participant, Person, ThreadKey, Trace
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.test_record import World, mail

PROVED = verdict("pass", aligned="spf")
DISOWNED = verdict("fail", "fail", "quarantine")
CARA = "Cara <cara@customer.example>"
EVA = "Eva <eva@else.example>"
MEMO = "Memo <memo@example.org>"


def policy(rights: dict[str, str] | None = None, project: dict[str, Any] | None = None, **inbox: Any) -> dict[str, Any]:
    """Projects SUP and OPS, an inbox for each; `inbox` are settings of SUP's. Some people, and what they are given."""
    types = [{"name": "incident", "prefix": "IN"}, {"name": "task", "prefix": "TK"}]
    support = {"name": "support", "addresses": ["support@example.org"], "project": "SUP", "unknown_senders": "create"}
    ops = {"name": "ops", "addresses": ["ops@example.org"], "project": "OPS", "unknown_senders": "create"}
    tasks = {"name": "tasks", "addresses": ["tasks@example.org"], "project": "SUP", "issue_type": "task"}
    return {
        "rights": rights or {},
        "project": [
            {"key": "SUP", "name": "Support", "issue_types": types} | (project or {}),
            {"key": "OPS", "name": "Operations", "issue_types": [{"name": "alert", "prefix": "AL"}]},
        ],
        "inbox": [support | inbox, ops, tasks],
        "person": [
            {"name": "Ana", "addresses": ["ana@example.org"], "roles": {"SUP": "agent"}},
            {"name": "Memo", "addresses": ["memo@example.org"], "roles": {"SUP": "member"}},
            {"name": "Tom", "addresses": ["tom@example.org"], "permissions": {"SUP": ["create:task"]}},
            {"name": "Cy", "addresses": ["cy@example.org"], "permissions": {"SUP": ["comment"], "OPS": []}},
            {"name": "Val", "addresses": ["val@example.org"]},
        ],
    }


Desk = Callable[..., World]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Gives a World where a policy is in force."""
    worlds = []

    def open_desk(**settings: Any) -> World:
        world = World()
        worlds.append(world)
        with world.database.writing() as session:
            apply(session, read_document(policy(**settings)), "test", prune=False, now=make.NOW)
        return world

    yield open_desk
    for world in worlds:
        world.database.close()


def send(
    world: World, author: str, subject: str = "Printer", to: str = "support@example.org", auth: AuthVerdict = PROVED
) -> str:
    """What became of it: the outcome and the key, or the reason."""
    return sent(world, to, author=author, subject=subject, auth=auth)


def sent(world: World, *recipients: str, **values: Any) -> str:
    """The same with whatever `mail` takes."""
    world.submit(mail(*recipients, **values))
    row = max(world.rows(LogRow), key=lambda each: each.id)
    issue = {issue.id: issue.key for issue in world.rows(Issue)}.get(row.issue_id)
    return f"{row.outcome} {issue or row.reason}"


def found(world: World, check: str) -> str:
    """What the newest trace says of `check`."""
    trace = max(world.rows(Trace), key=lambda each: each.log_id)
    return next(one["detail"] for one in trace.findings if one["check"] == check)


# ---- the least proof of each right ---------------------------------------------------------------------------------


@pytest.mark.setting("rights.create")
@pytest.mark.parametrize(
    ("least", "auth", "became"),
    [
        ("none", UNVERIFIED, "created SUP-1"),
        ("aligned", PROVED, "created SUP-1"),
        ("aligned", UNVERIFIED, "rejected sender.unproved"),
        ("aligned", verdict("temperror", undecided=True), "deferred auth.temperror"),
        # Who does not obey DMARC takes what a domain disowns, unless more is asked for.
        ("none", DISOWNED, "created SUP-1"),
        ("aligned", DISOWNED, "rejected sender.unproved"),
    ],
)
def test_an_issue_takes_proof(desk: Desk, least: str, auth: AuthVerdict, became: str) -> None:
    world = desk(rights={"create": least}, obey_dmarc=False)
    assert send(world, CARA, auth=auth) == became


@pytest.mark.setting("rights.comment")
@pytest.mark.parametrize(
    ("least", "auth", "became"),
    [
        ("none", UNVERIFIED, "commented SUP-1"),
        ("none", DISOWNED, "created SUP-2"),
        ("aligned", UNVERIFIED, "created SUP-2"),
        ("aligned", PROVED, "commented SUP-1"),
        ("key", PROVED, "created SUP-2"),
    ],
)
def test_a_participants_comment_takes_proof(desk: Desk, least: str, auth: AuthVerdict, became: str) -> None:
    world = desk(rights={"comment": least}, obey_dmarc=False)
    send(world, CARA)
    assert send(world, CARA, "Re: [SUP-1]", auth=auth) == became


@pytest.mark.setting("rights.comment_any")
@pytest.mark.parametrize(
    ("least", "require", "auth", "became"),
    [
        ("aligned", "aligned", PROVED, "commented SUP-1"),
        ("aligned", "aligned", UNVERIFIED, "created SUP-2"),
        ("aligned", "none", UNVERIFIED, "commented SUP-1"),
        ("aligned", "none", DISOWNED, "created SUP-2"),
        ("key", "none", PROVED, "created SUP-2"),
    ],
)
def test_a_comment_on_any_issue_takes_more(
    desk: Desk, least: str, require: str, auth: AuthVerdict, became: str
) -> None:
    world = desk(rights={"comment_any": least}, obey_dmarc=False, require=require)
    send(world, CARA)
    assert send(world, MEMO, "Re: [SUP-1]", auth=auth) == became


@pytest.mark.setting("rights.reopen")
@pytest.mark.parametrize(
    ("least", "auth", "status"),
    [
        ("none", UNVERIFIED, "open"),
        ("aligned", UNVERIFIED, "closed"),
        ("aligned", PROVED, "open"),
    ],
)
def test_a_comment_reopens_with_proof(desk: Desk, least: str, auth: AuthVerdict, status: str) -> None:
    world = desk(rights={"reopen": least})
    send(world, CARA)
    with world.database.writing() as session:
        issue = session.get_one(Issue, 1)
        issue.status, issue.closed_at = "closed", make.NOW
    assert send(world, CARA, "Re: [SUP-1]", auth=auth) == "commented SUP-1"
    assert world.rows(Issue)[0].status == status


@pytest.mark.setting("rights.participants")
@pytest.mark.parametrize(
    ("least", "auth", "takes_part"),
    [
        ("none", UNVERIFIED, True),
        ("aligned", UNVERIFIED, False),
        ("aligned", PROVED, True),
    ],
)
def test_who_is_copied_takes_part_with_proof(desk: Desk, least: str, auth: AuthVerdict, takes_part: bool) -> None:
    world = desk(rights={"participants": least})
    sent(world, extra="Cc: dora@customer.example\r\n", auth=auth)
    assert ("dora@customer.example" in {each.address for each in world.rows(Participant)}) is takes_part


@pytest.mark.setting("rights.auto_reply", "inbox.auto_reply.least_proof")
@pytest.mark.parametrize(
    ("rights", "inbox", "answered"),
    [
        ({}, {}, False),
        ({"auto_reply": "none"}, {}, True),
        ({"auto_reply": "none"}, {"auto_reply": {"least_proof": "aligned"}}, False),
        ({}, {"auto_reply": {"least_proof": "none"}}, True),
    ],
)
def test_an_auto_reply_takes_proof(desk: Desk, rights: dict[str, str], inbox: dict[str, Any], answered: bool) -> None:
    world = desk(rights=rights, **inbox)
    send(world, CARA, auth=UNVERIFIED)
    assert world.count(OutboxMail) == answered


# ---- what people are given -----------------------------------------------------------------------------------------


@pytest.mark.setting("person.permissions", "person.roles")
@pytest.mark.parametrize(
    ("author", "subject", "to", "became"),
    [
        # All of it, everything but agents' rights, issues of one type, comments alone.
        ("ana@example.org", "Re: [SUP-1]", "support@example.org", "commented SUP-1"),
        ("memo@example.org", "Re: [SUP-1]", "support@example.org", "commented SUP-1"),
        ("cy@example.org", "Re: [SUP-1]", "support@example.org", "commented SUP-1"),
        ("val@example.org", "Re: [SUP-1]", "support@example.org", "created SUP-2"),
        ("tom@example.org", "A task", "tasks@example.org", "created SUP-2"),
        ("tom@example.org", "A fire", "support@example.org", "rejected sender.right"),
        ("cy@example.org", "A fire", "support@example.org", "rejected sender.right"),
        # Nothing is less than nothing said.
        ("cy@example.org", "A fire", "ops@example.org", "rejected sender.right"),
        ("tom@example.org", "A fire", "ops@example.org", "created OPS-1"),
        # Not allowed in the token's project: the inbox's own is tried; and then there is none.
        ("tom@example.org", "Re: [SUP-1]", "ops@example.org", "created OPS-1"),
        ("tom@example.org", "Re: [SUP-1]", "support@example.org", "rejected sender.right"),
    ],
)
def test_what_each_person_may_do(desk: Desk, author: str, subject: str, to: str, became: str) -> None:
    world = desk()
    send(world, CARA)
    assert send(world, author, subject, to) == became


def test_the_trace_names_the_right_and_the_proof_that_was_missing(desk: Desk) -> None:
    world = desk(rights={"create": "aligned"})
    send(world, CARA)
    send(world, "ana@example.org", "Re: [SUP-1]", auth=UNVERIFIED)
    assert found(world, "thread.token") == (
        "SUP-1 by [SUP-1]: right to comment_any on SUP-1 (agent of SUP) takes proof aligned, this is none"
    )
    assert found(world, "create") == "right to create incident in SUP (agent of SUP) takes proof aligned, this is none"
    send(world, "tom@example.org")
    assert found(world, "create") == "no right to create incident in SUP"


@pytest.mark.setting("project.default_role")
@pytest.mark.parametrize(
    ("role", "comment", "issue"),
    [
        ("customer", "created SUP-2", "created SUP-3"),
        ("member", "commented SUP-1", "created SUP-2"),
        ("none", "rejected sender.right", "rejected sender.right"),
    ],
)
def test_what_everybody_registered_is(desk: Desk, role: str, comment: str, issue: str) -> None:
    world = desk(project={"default_role": role})
    send(world, CARA)
    assert send(world, "val@example.org", "Re: [SUP-1]") == comment
    assert send(world, "val@example.org", "Another") == issue


@pytest.mark.setting("project.issue_types.token_comments")
def test_only_listed_types_take_comments_by_token(desk: Desk) -> None:
    listed = {"name": "incident", "prefix": "IN", "token_comments": False}
    world = desk(project={"issue_types": [listed, {"name": "task", "prefix": "TK"}]})
    sent(world, auth=PROVED, message_id="first@customer.example")
    assert send(world, CARA, "Re: [SUP-1]") == "created SUP-2"
    assert found(world, "thread.token") == "SUP-1 by [SUP-1]: incident of SUP takes no comments by token"
    # A reply needs none.
    assert sent(world, extra="In-Reply-To: <first@customer.example>\r\n", auth=PROVED) == "commented SUP-1"
    send(world, "ana@example.org", to="tasks@example.org")
    assert send(world, "ana@example.org", "Re: [SUP-3]") == "commented SUP-3"


@pytest.mark.setting("inbox.unentitled")
def test_a_mail_to_an_issue_of_others_may_be_held(desk: Desk) -> None:
    world = desk(unentitled="hold")
    send(world, CARA)
    assert send(world, EVA, "Re: [SUP-1]") == "held thread.right"
    assert send(world, EVA, "Something else") == "created SUP-2"


# ---- who is not registered -----------------------------------------------------------------------------------------


@pytest.mark.setting("inbox.unknown_least_proof")
@pytest.mark.parametrize(("least", "became"), [("failed", "created SUP-1"), ("aligned", "rejected sender.unproved")])
def test_strangers_may_have_to_be_proved(desk: Desk, least: str, became: str) -> None:
    world = desk(unknown_least_proof=least)
    assert send(world, CARA, auth=UNVERIFIED) == became
    assert send(world, CARA) == ("created SUP-1" if became.startswith("rejected") else "created SUP-2")
    assert send(world, "val@example.org", auth=UNVERIFIED).startswith("created")


@pytest.mark.setting("inbox.unknown_role")
@pytest.mark.parametrize(("role", "became"), [("customer", "created SUP-3"), ("member", "commented SUP-1")])
def test_a_person_that_a_mail_creates_has_a_role(desk: Desk, role: str, became: str) -> None:
    world = desk(unknown_role=role)
    send(world, CARA)
    send(world, EVA)
    with world.database.session() as session:
        view = person_view(session, "eva@else.example")
    assert view is not None
    assert view["roles"] == {"SUP": role}
    assert send(world, EVA, "Re: [SUP-1]") == became


@pytest.mark.setting("inbox.import_as", "inbox.unknown_senders")
def test_a_strangers_mail_is_imported_as_somebodys(desk: Desk) -> None:
    world = desk(unknown_senders="import", import_as="ana@example.org")
    assert send(world, CARA) == "created SUP-1"
    (issue,) = world.rows(Issue)
    with world.database.session() as session:
        assert person_view(session, "cara@customer.example") is None
        ana = person_view(session, "ana@example.org")
    assert ana is not None
    assert (issue.reporter_id, issue.reporter_address) == (ana["id"], "ana@example.org")
    # Their issues become Ana's; her rights do not become theirs.
    assert send(world, EVA, "Re: [SUP-1]") == "created SUP-2"
    assert send(world, CARA, "Re: [SUP-1]") == "commented SUP-1"
    assert world.rows(Comment)[0].author_id is None


def test_who_is_imported_has_no_more_than_the_other(desk: Desk) -> None:
    assert send(desk(unknown_senders="import", import_as="tom@example.org"), CARA) == "rejected sender.right"
    world = desk(unknown_senders="import", import_as="val@example.org")
    assert send(world, CARA) == "created SUP-1"
    with world.database.writing() as session:
        session.execute(update(Person).where(col(Person.name) == "Val").values(active=False))
    assert send(world, CARA) == "held sender.unknown"


# ---- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "auth", "proof"),
    [
        (CARA, UNVERIFIED, "key"),
        (EVA, PROVED, None),
        # It is in every reply, so whom their own domain disowns it does not prove.
        (CARA, DISOWNED, None),
    ],
)
def test_the_message_id_of_our_answer_proves_whom_it_was_sent_to(
    desk: Desk, author: str, auth: AuthVerdict, proof: str | None
) -> None:
    world = desk(rights={"comment": "key"}, obey_dmarc=False)
    send(world, CARA)
    (ours,) = [key.value for key in world.rows(ThreadKey) if key.kind == "message-id" and key.owner]
    sent(world, author=author, extra=f"In-Reply-To: <{ours}>\r\n", auth=auth)
    assert [comment.proof for comment in world.rows(Comment)] == ([proof] if proof else [])
