"""Rules: which mails each condition is for, what each action does, and in which order."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from smtpintake.decide.decision import CreateIssue, Decision, Defer, Discard, Hold, Judgement, Reject
from smtpintake.decide.judge import judge
from smtpintake.decide.policy import Policy, PolicyError, read_document
from smtpintake.decide.rules import asked
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.verdicts import verdict

MARK = {"tags": ["found"]}


def policy(*rules: dict[str, Any], **inbox: Any) -> Policy:
    """make.policy() with a second inbox and these rules."""
    data = make.policy(**inbox).document.model_dump(mode="json")
    data["project"][0]["fields"] = [{"name": "asset", "type": "choice", "choices": ["x-1", "x-2"]}]
    data["inbox"].append({"name": "alerts", "addresses": ["alerts@example.org"], "project": "OPS"})
    return Policy(1, read_document({**data, "rule": rules}))


def rule(when: dict[str, Any], then: dict[str, Any] = MARK, name: str = "r", **values: Any) -> dict[str, Any]:
    return {"name": name, "when": when, "then": then, **values}


def holds(when: dict[str, Any], **facts: Any) -> bool:
    rules = policy(rule(when))
    return bool(asked(make.facts(rules, **facts), rules).rules)


def judged(*rules: dict[str, Any], **facts: Any) -> Judgement:
    made = policy(*rules)
    return judge(make.facts(made, **facts), made)


def decided(*rules: dict[str, Any], **facts: Any) -> Decision:
    return judged(*rules, **facts).decision


def fields(*rules: dict[str, Any], **facts: Any) -> Any:
    decision = decided(*rules, **facts)
    assert isinstance(decision, CreateIssue)
    return decision.fields


def faults(when: dict[str, Any], then: dict[str, Any] = MARK, **values: Any) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        policy(rule(when, then, **values))
    return {fault.key: fault.what for fault in caught.value.faults}


def files(*named: tuple[str, str]) -> dict[str, Any]:
    """Facts of a mail with attachments of these names and types."""
    return {"files": tuple(make.file(name, content_type) for name, content_type in named)}


def about(subject: str) -> dict[str, Any]:
    return {"message": make.message(subject=subject)}


def to(address: str) -> dict[str, Any]:
    return {"recipients": (Mailbox.parse(address),)}


def by(address: str) -> dict[str, Any]:
    return {"message": make.message(authors=(make.author(address),))}


# ---- conditions ----------------------------------------------------------------------------------------------------

# (condition, facts for which it holds, facts for which it doesn't); the mail is make.message() otherwise.
CONDITIONS = [
    ({"subject": "printer"}, {}, about("Scanner")),
    (
        {"subject": "ON FIRE"},
        about("it is on\t fire"),
        about(""),
    ),
    ({"subject": ["smoke", "fire"]}, {}, about("smok")),
    ({"subject": "a.c"}, about("a.c"), about("abc")),
    ({"subject": "Ärger"}, about("nur ÄRGER hier"), {}),
    ({"body": "paper jam"}, {"text": "There is a paper\njam again."}, {"text": "There is paper."}),
    (
        {"header": {"X-Queue": "hardware"}},
        {"message": make.message(header=(("x-queue", "software"), ("x-queue", "Hardware 2")))},
        {"message": make.message(header=(("x-other", "hardware"),))},
    ),
    ({"regex": {"subject": r"^printer\b"}}, {}, about("My printer")),
    ({"regex": {"subject": "(?-i)PRINTER"}}, about("PRINTER"), {}),
    ({"regex": {"body": [r"\bINV-\d{4}\b", "invoice"]}}, {"text": "see inv-2041"}, {"text": "see INV-20414"}),
    (
        {"regex": {"header": {"List-Id": r"<dev\."}}},
        {"message": make.message(header=(("list-id", "Dev <dev.lists.example>"),))},
        {"message": make.message(header=(("list-id", "<devs.lists.example>"),))},
    ),
    (
        {"sender": "cara@customer.example"},
        {},
        by("dora@customer.example"),
    ),
    (
        {"sender": "@customer.example"},
        by("a@mail.customer.example"),
        by("a@notcustomer.example"),
    ),
    ({"sender": "ra@cust"}, by("ra@cust"), {}),
    ({"sender": ["noreply", "CAR"]}, {}, by("dora@example.com")),
    ({"domain": "customer.example"}, {}, by("a@x.customer.example")),
    ({"domain": "*.customer.example"}, by("a@x.customer.example"), {}),
    (
        {"organisation": "Example Ltd"},
        {"sender": replace(make.sender(), organisation="Example Ltd")},
        {"sender": replace(make.sender(), organisation="Example Inc")},
    ),
    (
        {"recipient": "support@example.org"},
        to("Support+x@example.org"),
        {"recipients": ()},
    ),
    ({"recipient": "support+vip@example.org"}, to("support+VIP@example.org"), {}),
    ({"recipient": "@example.org"}, {}, to("support@other.example")),
    ({"proof": ["failed", "none"]}, {}, {"envelope": make.envelope(), "auth": verdict("pass", aligned="spf")}),
    ({"proof": "aligned"}, {"auth": verdict("pass", aligned="spf")}, {}),
    ({"size": {"over": 499}}, {}, {"message": make.message(size=499)}),
    ({"size": {"under": 501}}, {}, {"message": make.message(size=501)}),
    ({"size": {"over": 100, "under": 1000}}, {}, {"message": make.message(size=1000)}),
    (
        {"attachment": "application/pdf"},
        files(("a.txt", "text/plain"), ("a", "application/PDF")),
        files(("a.pdf", "text/plain")),
    ),
    ({"attachment": "image/*"}, files(("", "image/png")), {}),
    ({"attachment": ".exe"}, files(("a.EXE ", "text/plain")), {}),
    ({"attachment": ".tar.gz"}, files(("a.b.tar.gz", "a/b")), {}),
    ({"attachment": "*"}, files(("", "a/b")), {}),
    ({"origin": "list"}, {"message": make.message(origin=Origin.LIST)}, {}),
    ({"origin": "auto"}, {"message": make.message(origin=Origin.AUTO_GENERATED)}, {}),
    ({"origin": ["human", "auto-reply"]}, {}, {"message": make.message(origin=Origin.AUTO_GENERATED)}),
]


@pytest.mark.setting(
    "rule.when.subject",
    "rule.when.body",
    "rule.when.header",
    "rule.when.regex.subject",
    "rule.when.regex.body",
    "rule.when.regex.header",
    "rule.when.sender",
    "rule.when.domain",
    "rule.when.organisation",
    "rule.when.recipient",
    "rule.when.proof",
    "rule.when.size.over",
    "rule.when.size.under",
    "rule.when.attachment",
    "rule.when.origin",
)
@pytest.mark.parametrize(("condition", "held", "missed"), CONDITIONS)
def test_a_condition_holds_for_some_mails(
    condition: dict[str, Any], held: dict[str, Any], missed: dict[str, Any]
) -> None:
    assert holds(condition, **held)
    assert not holds(condition, **missed)


@pytest.mark.setting(
    "rule.when.not.subject",
    "rule.when.not.body",
    "rule.when.not.header",
    "rule.when.not.regex.subject",
    "rule.when.not.regex.body",
    "rule.when.not.regex.header",
    "rule.when.not.sender",
    "rule.when.not.domain",
    "rule.when.not.organisation",
    "rule.when.not.recipient",
    "rule.when.not.proof",
    "rule.when.not.size.over",
    "rule.when.not.size.under",
    "rule.when.not.attachment",
    "rule.when.not.origin",
)
@pytest.mark.parametrize(
    ("condition", "held", "missed"), [row for row in CONDITIONS if len(row[0].get("size", ())) < 2]
)
def test_each_can_be_negated(condition: dict[str, Any], held: dict[str, Any], missed: dict[str, Any]) -> None:
    assert not holds({"not": condition}, **held)
    assert holds({"not": condition}, **missed)


def test_all_conditions_must_hold_and_no_exception() -> None:
    both = {"subject": "printer", "domain": "customer.example"}
    assert holds(both)
    assert not holds(both | {"body": "smoke"})
    assert holds(both | {"not": {"body": "smoke", "origin": "list"}}, text="Help!")
    assert not holds(both | {"not": {"body": ["smoke", "help"], "origin": "list"}}, text="Help!")


def test_a_rule_without_conditions_is_for_any_mail() -> None:
    assert holds({})


# ---- actions -------------------------------------------------------------------------------------------------------


@pytest.mark.setting("rule.then.status", "rule.then.fields")
@pytest.mark.setting(
    "rule.then.issue_type", "rule.then.title", "rule.then.priority", "rule.then.language", "rule.then.tags"
)
@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ({"issue_type": "task"}, "issue_type", "task"),
        ({"title": "A printer"}, "title", "A printer"),
        ({"status": "closed"}, "status", "closed"),
        ({"fields": {"asset": "x-1"}}, "fields", (("asset", "x-1"),)),
        ({"priority": "urgent"}, "priority", "urgent"),
        ({"language": "de"}, "language", "de"),
        ({"tags": ["mail", "hardware"]}, "tags", ("mail", "hardware")),
        ({"participants": ["Eve@customer.example"]}, "participants", ("eve@customer.example",)),
    ],
)
def test_an_action_sets_a_field(action: dict[str, Any], field: str, value: object) -> None:
    assert getattr(fields(rule({}, action)), field) == value


@pytest.mark.setting("rule.then.project")
def test_another_project_keeps_the_type_where_it_has_it() -> None:
    moved = fields(rule({}, {"project": "OPS"}))
    assert (moved.project, moved.issue_type) == ("OPS", "alert")
    assert fields(rule({}, {"project": "OPS", "issue_type": "alert"})).issue_type == "alert"


@pytest.mark.setting("rule.then.hold", "rule.then.discard", "rule.then.reject.code", "rule.then.reject.text")
@pytest.mark.parametrize(
    ("action", "decision", "reply"),
    [
        ({"hold": True}, Hold(Reason.RULE_HOLD), None),
        ({"discard": True}, Discard(Reason.RULE_DISCARD), None),
        ({"reject": {}}, Reject, "550 5.7.1 rule.reject: mail like this is not accepted here"),
        ({"reject": {"code": 554, "text": "no\n  printers"}}, Reject, "554 5.7.1 rule.reject: no printers"),
        ({"reject": {"code": 450, "text": "later"}}, Defer, "450 4.7.1 rule.defer: later"),
        ({"reject": {"code": 451, "text": "later"}}, Defer, "451 4.7.1 rule.defer: later"),
    ],
)
def test_an_action_settles_the_mail(action: dict[str, Any], decision: object, reply: str | None) -> None:
    # An answer to an issue, too.
    for facts in ({}, {"candidates": (make.candidate(),)}):
        found = decided(rule({}, action), **facts)
        if isinstance(found, Reject | Defer):
            assert (type(found), str(found.reply)) == (decision, reply)
        else:
            assert found == decision


@pytest.mark.setting("rule.then.forward")
def test_what_is_accepted_is_sent_on() -> None:
    forward = rule({}, {"forward": ["ana@example.org", "eve@example.org"]}, name="f")
    assert judged(forward).forward == ("ana@example.org", "eve@example.org")
    assert judged(forward, rule({}, {"discard": True, "forward": "bob@example.org"})).forward == (
        "ana@example.org",
        "eve@example.org",
        "bob@example.org",
    )
    assert judged(forward, rule({}, {"reject": {}})).forward == ()


@pytest.mark.setting("rule.then.stop")
def test_rules_are_asked_in_order_until_one_says_stop() -> None:
    first = rule({}, {"priority": "high", "tags": ["one"]}, name="one")
    second = rule({"subject": "printer"}, {"priority": "urgent", "tags": ["two"], "stop": True}, name="two")
    third = rule({}, {"priority": "low", "tags": ["three"]}, name="three")
    made = fields(first, second, third)
    assert (made.priority, made.tags) == ("urgent", ("one", "two"))
    made = fields(third, second, first)
    assert (made.priority, made.tags) == ("urgent", ("three", "two"))


def test_a_rule_asks_of_the_mail_and_not_of_what_another_did() -> None:
    made = fields(
        rule({}, {"title": "Scanner"}, name="one"), rule({"subject": "scanner"}, {"priority": "low"}, name="two")
    )
    assert (made.title, made.priority) == ("Scanner", "normal")


@pytest.mark.setting("rule.inbox", "rule.project", "rule.active")
@pytest.mark.parametrize(
    ("scope", "asked_here"),
    [
        ({}, True),
        ({"inbox": "support"}, True),
        ({"inbox": "alerts"}, False),
        ({"project": "SUP"}, True),
        ({"project": "OPS"}, False),
        ({"active": False}, False),
    ],
)
def test_a_rule_is_for_an_inbox_a_project_or_all(scope: dict[str, Any], asked_here: bool) -> None:
    rules = policy(rule({}, **scope))
    assert bool(asked(make.facts(rules), rules).rules) is asked_here


@pytest.mark.setting("rule.name")
def test_the_trace_says_which_rule_held_for_what_and_what_it_did() -> None:
    found = judged(
        rule({"subject": ["smoke", "printer"], "domain": "customer.example"}, {"priority": "high"}, name="printers"),
        rule({"regex": {"subject": "fi.e"}}, {"reject": {}}, name="fires"),
    ).findings[-2:]
    assert [(each.check, each.result, each.detail) for each in found] == [
        ("rule", "match", "printers: subject printer, domain customer.example; priority high"),
        ("rule", "reject", "fires: regex subject fi.e"),
    ]


def test_rules_come_after_the_checks_of_the_sender() -> None:
    rules = policy(rule({}, {"discard": True}), denied_senders=["@customer.example"])
    assert judge(make.facts(rules), rules).decision == Reject(Reason.SENDER_DENIED)


# ---- what may be written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "key", "what"),
    [
        ({"regex": {"subject": ["fine", "(open"]}}, "rule[0].when.regex.subject[1]", "missing"),
        ({"regex": {"body": r"(a)\1"}}, "rule[0].when.regex.body[0]", "invalid escape"),
        ({"regex": {"body": r"(?=a)"}}, "rule[0].when.regex.body[0]", "invalid perl operator"),
        ({"regex": {"header": {"X-A": r"[z-a]"}}}, "rule[0].when.regex.header.X-A[0]", "range"),
        ({"regex": {"body": r"(\w{500}){2}\w{500}\w{900}"}}, "rule[0].when.regex.body[0]", "too large|repetition"),
        ({"regex": {"body": "a" * 1001}}, "rule[0].when.regex.body[0]", "longer than 1000"),
        ({"not": {"regex": {"body": "("}}}, "rule[0].when.not.regex.body[0]", "missing"),
        ({"subjct": "x"}, "rule[0].when.subjct", "did you mean 'subject'"),
        ({"subject": " "}, "rule[0].when.subject[0]", "match"),
        ({"proof": "key"}, "rule[0].when.proof", "after the rules"),
        ({"attachment": "exe"}, "rule[0].when.attachment[0]", "media type"),
        ({"header": {"X A": "x"}}, "rule[0].when.header.X A.[key]", "header field"),
    ],
)
def test_a_faulty_condition_is_named(when: dict[str, Any], key: str, what: str) -> None:
    found = faults(when)
    assert list(found) == [key]
    assert re.search(what, found[key])


@pytest.mark.parametrize(
    ("then", "values", "key", "what"),
    [
        ({}, {}, "rule[0]", "does something"),
        ({"hold": True, "discard": True}, {}, "rule[0].then", "one of them"),
        ({"reject": {}, "forward": "a@b.example"}, {}, "rule[0].then", "not forwarded"),
        ({"reject": {"code": 250}}, {}, "rule[0].then.reject.code", "550"),
        ({"reject": {"text": "grün"}}, {}, "rule[0].then.reject.text", "match"),
        ({"reject": {"text": "x" * 201}}, {}, "rule[0].then.reject.text", "200"),
        ({"priority": "huge"}, {}, "rule[0].then.priority", "urgent"),
        ({"import": True}, {}, "rule[0]", "owner"),
        ({"status": "asleep"}, {}, "rule[0].then.status", "there are closed, open"),
        ({"fields": {"asset": "y"}}, {}, "rule[0].then.fields.asset", "not a choice"),
        ({"fields": {"colour": "red"}}, {"inbox": "support"}, "rule[0].then.fields.colour", "asset"),
        ({"project": "NO"}, {}, "rule[0].then.project", "there are OPS, SUP"),
        ({"issue_type": "alert"}, {"inbox": "support"}, "rule[0].then.issue_type", "there are incident, task"),
        ({"issue_type": "epic"}, {}, "rule[0].then.issue_type", "alert, incident, task"),
        (MARK, {"inbox": "none"}, "rule[0].inbox", "there are alerts, support"),
        (MARK, {"project": "NO"}, "rule[0].project", "there are OPS, SUP"),
        (MARK, {"project": "SUP", "inbox": "support"}, "rule[0]", "not both"),
    ],
)
def test_a_faulty_action_is_named(then: dict[str, Any], values: dict[str, Any], key: str, what: str) -> None:
    found = faults({}, then, **values)
    assert list(found) == [key]
    assert what in found[key]


def test_two_rules_have_two_names() -> None:
    with pytest.raises(PolicyError, match="'r' is given 2 times"):
        policy(rule({}), rule({}))


def test_a_rule_is_written_as_it_was_read() -> None:
    everything = rule(
        {
            "subject": "a",
            "header": {"X-A": ["b"]},
            "regex": {"body": "c", "header": {"X-B": "d"}},
            "proof": "none",
            "size": {"over": 1},
            "not": {"sender": "@e.example", "regex": {"subject": "f"}},
        },
        {"priority": "low", "reject": {"code": 451, "text": "g"}, "stop": True},
    )
    once = policy(everything).document
    for data in (once.model_dump(mode="json"), once.model_dump(mode="json", exclude_defaults=True)):
        assert read_document(data) == once


# ---- hostile -------------------------------------------------------------------------------------------------------

EXPLOSIVE = (r"^(a+)+$", r"^(a|aa)*c$", r"(x+x+)+y", r"(.*a){20}", r"(a|b)*a(a|b){30}c")


@pytest.mark.parametrize("text", ["a" * 100_000, "ab" * 50_000, "x" * 100_000 + "!"])
def test_no_text_makes_an_expression_slow(text: str) -> None:
    assert not holds({"regex": {"body": r"(a|b)*a(a|b){30}c"}}, text=text)
    assert not holds({"regex": {"body": list(EXPLOSIVE[1:3])}}, text=text)


def test_many_explosive_expressions_at_once_are_all_found() -> None:
    rules = policy(*(rule({"regex": {"body": each}}, name=each) for each in EXPLOSIVE))
    found = asked(make.facts(rules, text="a" * 30_000), rules).rules
    assert [each.name for each in found] == [EXPLOSIVE[0], EXPLOSIVE[3]]


def test_only_the_beginning_of_a_text_is_looked_at() -> None:
    assert holds({"body": "needle"}, text="x" * 32_000 + "needle")
    assert not holds({"body": "needle"}, text="x" * 40_000 + "needle")


def test_a_text_that_is_no_unicode_is_searched_all_the_same() -> None:
    assert holds({"subject": "printer"}, message=make.message(subject="\udcff printer"))


def test_of_many_rules_those_that_hold_are_asked_in_order() -> None:
    def rules() -> Iterator[dict[str, Any]]:
        for number in range(3_000):
            yield rule({"subject": f"word{number}x"}, {"tags": [f"t{number}"]}, name=f"s{number}")
            yield rule({"sender": f"p{number}@customer.example"}, {"tags": [f"u{number}"]}, name=f"p{number}")

    made = policy(*rules())
    mail = make.message(subject="word2500x word7x", authors=(make.author("p2499@customer.example"),))
    assert [each.name for each in asked(make.facts(made, message=mail), made).rules] == ["s7", "p2499", "s2500"]
