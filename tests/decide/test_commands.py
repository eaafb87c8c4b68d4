"""Commands in mail: whose count, what each of them does, and what is told to whom."""

from typing import Any

import pytest

from smtpintake.auth.results import UNVERIFIED
from smtpintake.decide.commands import MAX_FORWARDS
from smtpintake.decide.decision import AddComment, CreateIssue, Hold, Judgement
from smtpintake.decide.facts import Finding, Sender
from smtpintake.decide.judge import judge
from smtpintake.decide.orders import NO_ORDERS, Changes, Orders
from smtpintake.decide.policy import Policy, Proof, Rights, Role
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.verdicts import verdict

PROVED = verdict("pass", aligned="spf")
ANA = Sender(9, "Ana", {"SUP": Role.AGENT})
AWAY = Sender(10, "Away", {"SUP": Role.AGENT}, active=False)
DORA = Sender(11, "Dora", {"SUP": Role.CUSTOMER, "OPS": Role.AGENT})
PEOPLE = {"ana@example.org": ANA, "away@example.org": AWAY, "dora@example.org": DORA}


def facts_of(*lines: str, text: str = "Hello", **values: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "commands": make.block(*lines, text=text),
        "sender": make.sender(Role.AGENT),
        "auth": PROVED,
        "assignees": PEOPLE,
        "standing": {3: make.standing(tags=("old",))},
    }
    return base | values


def decided(**values: Any) -> tuple[CreateIssue | AddComment, tuple[Finding, ...]]:
    rules = make.policy()
    judgement = judge(make.facts(rules, **values), rules)
    assert isinstance(judgement.decision, CreateIssue | AddComment)
    return judgement.decision, tuple(finding for finding in judgement.findings if finding.check == "commands")


def in_reply(*lines: str, **values: Any) -> Orders:
    return decided(**facts_of(*lines, candidates=(make.candidate(),), **values))[0].orders


@pytest.mark.parametrize(
    ("lines", "changes", "note"),
    [
        (["#status closed"], Changes(status="closed"), "status: open -> closed"),
        (["#status CLOSED"], Changes(status="closed"), "status: open -> closed"),
        (["#status open"], Changes(), ""),
        (["#priority urgent"], Changes(priority="urgent"), "priority: normal -> urgent"),
        (["#type Task"], Changes(issue_type="task"), "type: incident -> task"),
        (["#assign ana@example.org"], Changes(assignee_id=9), "assignee: nobody -> ana@example.org"),
        (["#assign <Ana@EXAMPLE.org>"], Changes(assignee_id=9), "assignee: nobody -> ana@example.org"),
        (["#assign me"], Changes(assignee_id=7), "assignee: nobody -> cara@customer.example"),
        (["#assign nobody"], Changes(), ""),
        (["#tag new, urgent old"], Changes(tags=("old", "new", "urgent")), "tags: old -> old new urgent"),
        (["#status closed", "#status open"], Changes(), ""),
        (
            ["#status closed", "#tag x"],
            Changes(status="closed", tags=("old", "x")),
            "status: open -> closed\ntags: old -> old x",
        ),
    ],
)
def test_a_command_changes_the_issue(lines: list[str], changes: Changes, note: str) -> None:
    orders = in_reply(*lines)
    assert (orders.changes, orders.note) == (changes, note)
    assert [command.line for command in orders.obeyed] == lines
    assert orders.refused == ()


def test_nobody_takes_the_assignee_away() -> None:
    assigned = make.standing(assignee="ana@example.org", assignee_id=9)
    assert in_reply("#assign nobody", standing={3: assigned}).changes == Changes(assignee_id=0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("#status done", "there are open, closed"),
        ("#status", "there are open, closed"),
        ("#priority highest", "there are low, normal, high, urgent"),
        ("#type alert", "there are incident, task"),
        ("#assign stranger@example.org", "nobody with this address works on SUP"),
        ("#assign away@example.org", "nobody with this address works on SUP"),
        ("#assign dora@example.org", "nobody with this address works on SUP"),
        ("#assign Ana Ruiz", "it takes an address"),
        ("#tag", "one or more tags"),
        ("#tag " + "x" * 61, "one or more tags"),
        ("#internal please", "internal all the same"),
        ("#forward", "it takes an address"),
        ("#forward support@example.org", "leads back to us"),
        ("#forward support+x@EXAMPLE.org", "leads back to us"),
        ("#nonsense", "there is no such command"),
        ("#delete SUP-3", "there is no such command"),
    ],
)
def test_what_cannot_be_done_stays_text_and_says_why(line: str, why: str) -> None:
    orders = in_reply(line, "#priority high")
    assert [refused.command.line for refused in orders.refused] == [line]
    assert why in orders.refused[0].why
    assert orders.changes == Changes(priority="high")


def test_a_new_issue_is_made_with_what_they_say() -> None:
    decision, findings = decided(
        **facts_of("#status closed", "#assign ana@example.org", "#priority high", "#type task", "#tag x", "#internal")
    )
    assert isinstance(decision, CreateIssue)
    fields = decision.fields
    assert (fields.status, fields.assignee, fields.priority, fields.issue_type, fields.tags) == (
        "closed",
        "ana@example.org",
        "high",
        "task",
        ("x",),
    )
    assert [refused.command.word for refused in decision.orders.refused] == ["internal"]
    assert [finding.result for finding in findings] == ["obeyed", "refused"]


def test_an_internal_comment_reopens_nothing() -> None:
    decision, _ = decided(**facts_of("#internal", candidates=(make.candidate(),)))
    assert isinstance(decision, AddComment)
    assert (decision.orders.internal, decision.status) == (True, "")


def test_what_follows_internal_stays_and_the_comment_is_internal_all_the_same() -> None:
    orders = in_reply("#internal he never pays")
    assert (orders.internal, orders.obeyed, len(orders.refused)) == (True, (), 1)


def test_the_mail_is_sent_on_to_some_addresses() -> None:
    rules = make.policy()
    lines = [f"#forward expert{number}@partner.example" for number in range(MAX_FORWARDS + 1)]
    judgement = judge(make.facts(rules, **facts_of(*lines, candidates=(make.candidate(),))), rules)
    assert judgement.forward == tuple(f"expert{number}@partner.example" for number in range(MAX_FORWARDS))
    assert isinstance(judgement.decision, AddComment)
    assert judgement.decision.orders.note.startswith("sent on to expert0@partner.example\n")
    assert [refused.command.line for refused in judgement.decision.orders.refused] == lines[-1:]


def test_a_mail_of_commands_only_is_known_as_such() -> None:
    assert in_reply("#status closed", text="").alone
    assert not in_reply("#status closed").alone
    assert not in_reply("#status closed", "#nonsense", text="").alone


# ---- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"sender": None}, "no right to commands on SUP-3"),
        ({"sender": make.sender()}, "no right to commands on SUP-3"),
        ({"sender": make.sender(Role.CUSTOMER)}, "no right to commands on SUP-3"),
        ({"sender": Sender(7, "Cara", {"OPS": Role.MANAGER})}, "no right to commands on SUP-3"),
        ({"sender": make.sender(Role.AGENT, active=False), "waived": "sender"}, "deactivated"),
        ({"auth": UNVERIFIED}, "proof is none"),
        ({"auth": verdict("pass of evil.example")}, "proof is"),
        ({"message": make.message(origin=Origin.LIST)}, "origin is list"),
        ({"message": make.message(origin=Origin.AUTO_GENERATED)}, "origin is auto-generated"),
        # An absence note that quotes the mail which it answers.
        ({"message": make.message(origin=Origin.AUTO_REPLY)}, "origin is auto-reply"),
    ],
)
def test_whoever_may_not_has_written_text(values: dict[str, Any], why: str) -> None:
    decision, findings = decided(**facts_of("#status closed", candidates=(make.candidate(),), **values))
    assert decision.orders == NO_ORDERS
    assert [finding.result for finding in findings] == ["text"]
    assert why in findings[0].detail


def internally(right: str = "aligned", **values: Any) -> Judgement:
    """An answer with `#internal`, where `[rights] internal` asks for `right`."""
    document = make.policy().document
    rules = Policy(1, document.model_copy(update={"rights": Rights(internal=Proof(right))}))
    values = {"candidates": (make.candidate(),)} | values
    return judge(make.facts(rules, **facts_of("#internal", "#status closed", **values)), rules)


WHO_MAY_NOT: list[tuple[str, dict[str, Any], str]] = [
    ("aligned", {"sender": None}, "no right to commands on SUP-3"),
    ("aligned", {"sender": make.sender(Role.CUSTOMER)}, "no right to commands on SUP-3"),
    ("aligned", {"auth": UNVERIFIED}, "the author's proof is none"),
    ("aligned", {"message": make.message(origin=Origin.LIST)}, "origin is list"),
    ("aligned", {"message": make.message(origin=Origin.AUTO_REPLY)}, "origin is auto-reply"),
    ("aligned", {"standing": {}}, "SUP is not in force"),
    ("key", {}, "right to internal on SUP-3 (agent of SUP) takes proof key, this is aligned"),
]


@pytest.mark.parametrize(("right", "values", "why"), WHO_MAY_NOT)
@pytest.mark.setting("rights.internal")
def test_what_is_to_be_internal_is_never_public_by_accident(right: str, values: dict[str, Any], why: str) -> None:
    judgement = internally(right, **values)
    assert judgement.decision == Hold(Reason.INTERNAL_RIGHT)
    last = judgement.findings[-1]
    assert (last.check, last.result) == ("internal", "hold")
    assert why in last.detail
    assert judgement.forward == ()


@pytest.mark.parametrize(("right", "values", "why"), WHO_MAY_NOT)
def test_an_operator_who_releases_it_has_read_it(right: str, values: dict[str, Any], why: str) -> None:
    waived = {"waived": "internal"}
    decision = internally(right, **values, **waived).decision
    assert isinstance(decision, AddComment)
    assert not decision.orders.internal
    assert "internal" not in [command.word for command in decision.orders.obeyed]


def test_whoever_has_the_right_is_asked_for_no_more() -> None:
    keyed = make.candidate(Reason.THREAD_KEY, key_owner="cara@customer.example")
    decision = internally("key", auth=UNVERIFIED, candidates=(keyed,)).decision
    assert isinstance(decision, AddComment)
    assert decision.orders.internal


def test_a_new_issue_that_asks_to_be_internal_is_as_any_other() -> None:
    """Only those whom its author wrote to take part in it."""
    assert isinstance(internally(candidates=(), sender=None).decision, CreateIssue)


def test_an_inbox_that_believes_anybody_believes_no_commands() -> None:
    rules = make.policy(require="none")
    facts = make.facts(rules, **facts_of("#status closed", auth=UNVERIFIED, candidates=(make.candidate(),)))
    decision = judge(facts, rules).decision
    assert isinstance(decision, AddComment)
    assert decision.orders == NO_ORDERS


def test_a_reply_key_is_proof() -> None:
    keyed = make.candidate(Reason.THREAD_KEY, key_owner="cara@customer.example")
    decision, _ = decided(**facts_of("#status closed", auth=UNVERIFIED, candidates=(keyed,)))
    assert decision.orders.changes == Changes(status="closed")


def test_a_message_id_of_ours_is_not_proof_enough() -> None:
    """Every reply passes it on, so whoever has one of an agent's mails knows it."""
    known = make.candidate(Reason.THREAD_REFERENCE, key_owner="cara@customer.example")
    decision, findings = decided(**facts_of("#status closed", auth=UNVERIFIED, candidates=(known,)))
    assert isinstance(decision, AddComment)
    assert decision.orders == NO_ORDERS
    assert "proof is none" in findings[0].detail


def test_the_permission_to_act_as_agent_is_enough() -> None:
    permitted = Sender(7, "Cara", {}, permissions={"SUP": frozenset(("agent",))})
    orders = in_reply("#status closed", "#assign me", sender=permitted)
    assert orders.changes == Changes(status="closed", assignee_id=7)


def test_a_mention_is_not_commanded() -> None:
    """An agent of one project names an issue of another: they may not write to it, and command their own."""
    other = make.candidate(Reason.THREAD_TOKEN, participates=False, project_key="OPS", issue_key="OPS-3")
    decision, _ = decided(**facts_of("#status closed", candidates=(other,)))
    assert isinstance(decision, CreateIssue)
    assert (decision.fields.project, decision.fields.status) == ("SUP", "closed")


def test_the_trace_says_what_was_obeyed() -> None:
    _, findings = decided(**facts_of("#status closed", "#foo", candidates=(make.candidate(),)))
    assert findings[0] == Finding("commands", "obeyed", "#status closed")
    assert (findings[1].result, findings[1].detail.startswith("#foo: there is no such command")) == ("refused", True)


def test_without_commands_nothing_is_said() -> None:
    decision, findings = decided(sender=make.sender(Role.AGENT), auth=PROVED)
    assert (decision.orders, findings) == (NO_ORDERS, ())
