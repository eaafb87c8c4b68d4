"""Any mail under any policy: exactly one decision, the same one each time, and a whole trace of how it came about."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtpintake.auth.results import AuthVerdict
from smtpintake.convert.draft import draft
from smtpintake.decide.analysis import Analysis
from smtpintake.decide.decision import AddComment, CreateIssue, Decision, Outcome, Reject
from smtpintake.decide.delivery import deliveries
from smtpintake.decide.facts import Candidate, Earlier, Facts
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import outcome_of, reconcile, reply_to
from smtpintake.decide.policy import Policy, read_document
from smtpintake.decide.scan import Scan
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.message import Author, Message
from smtpintake.mail.parse import read
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.documents import ADDRESSES, documents
from tests.mail.test_hostile import FRAGMENTS

MAILBOXES = st.sampled_from(
    [
        *map(Mailbox.parse, ADDRESSES),
        Mailbox.parse("cara@customer.example"),
        Mailbox.parse('"a@b"@b.example'),
        Mailbox.parse("é+x@sub.b.example"),
        Mailbox.parse("noreply@[192.0.2.1]"),
    ]
)
WORDS = st.sampled_from(["", "SUP", "OPS", "SUP-1", "incident", "customer.example", "a@example.org", "é\u2028\n"])
MAILS = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=25).map(lambda parts: read(b"".join(parts)))


OWN: dict[type, dict[str, st.SearchStrategy[Any]]] = {}
"""What the fields of a type hold, where not just any value of their own type will do."""


@cache
def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, read off its fields, so that a new fact is tried as soon as it exists."""
    plain = {
        str: WORDS,
        bool: st.booleans(),
        int: st.integers(0, 9),
        float: st.just(1.0),
        bytes: st.binary(max_size=8),
        type(None): st.none(),
        datetime: st.just(make.NOW),
        Mailbox: MAILBOXES,
        Outcome: st.sampled_from(Outcome),
    }
    if kind in plain:
        return plain[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        own = OWN.get(kind, {})
        given = {
            each.name: own[each.name] if each.name in own else values_of(hints[each.name])
            for each in fields(kind)
            if each.init
        }
        return st.builds(kind, **given)
    inner = [values_of(each) for each in get_args(kind) if each is not Ellipsis]
    if get_origin(kind) is tuple:
        several = get_args(kind)[-1] is Ellipsis
        return st.lists(inner[0], max_size=3).map(tuple) if several else st.tuples(*inner)
    if get_origin(kind) is frozenset:
        return st.frozensets(inner[0], max_size=3)
    if get_origin(kind) in (dict, Mapping):
        return st.dictionaries(*inner, max_size=3)
    return st.one_of(inner)


def seldom(values: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    """What ends the matter at once is not to be the rule."""
    return st.sampled_from([True, *[False] * 9]).flatmap(lambda yes: values if yes else st.just(otherwise))


OWN[Candidate] = {
    "how": st.sampled_from([Reason.THREAD_KEY, Reason.THREAD_REFERENCE, Reason.THREAD_TOKEN]),
    "issue_key": st.sampled_from(["SUP-1", "OPS-2"]),
    "project_key": st.sampled_from(["SUP", "OPS", "GONE"]),
    "key_owner": st.sampled_from([None, *ADDRESSES]),
}
OWN[Earlier] = {  # it was committed
    "outcome": st.sampled_from(["created", "commented", "held", "discarded"]),
    "issue_key": st.sampled_from([None, "SUP-1"]),
}
OWN[Envelope] = {"rcpt_to": st.just(())}
OWN[Facts] = {"earlier": seldom(values_of(Earlier), None), "returned": seldom(st.just(True), False)}
OWN[Facts]["scans"] = seldom(values_of(tuple[Scan, ...]), ())
OWN[Facts]["shared"] = OWN[Facts]["earlier"]
OWN[Message] = {
    "from_fields": seldom(st.integers(0, 2), 1),
    "authors": st.lists(values_of(Author), min_size=1, max_size=1).map(tuple),
    "refusal": seldom(st.sampled_from([Reason.MESSAGE_COMPLEX, Reason.DATA_NUL, Reason.LOOP_RECEIVED]), None),
}


_HINTS = get_type_hints(Facts)
_OF_MAIL = ("envelope", "message", "recipients", "route", "inbox", "auth")
# Whatever the database might say of a delivery.
OTHER_FACTS = st.fixed_dictionaries(
    {
        each.name: OWN[Facts][each.name] if each.name in OWN[Facts] else values_of(_HINTS[each.name])
        for each in fields(Facts)
        if each.init and each.name not in _OF_MAIL
    }
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Facts], Policy]:
    """The facts of one mail to some recipients, and a policy that has inboxes for them."""
    policy = Policy(1, read_document(draw(documents())))
    message: Message = draw(st.one_of(MAILS, values_of(Message)))
    known = [address if address[0] != "@" else f"x{address}" for address in policy.addresses]
    recipients = draw(st.lists(st.sampled_from(known or ["a@example.org"]), min_size=1, max_size=3, unique=True))
    envelope = replace(draw(values_of(Envelope)), rcpt_to=tuple(map(Mailbox.parse, recipients)))
    auth: AuthVerdict = draw(values_of(AuthVerdict))
    drawn = draft(message, ()) if message.refusal is None else None
    found, _ = deliveries(envelope, Analysis(message, drawn, auth), policy)
    every = []
    for delivery in found:
        known_facts = {
            "envelope": envelope,
            "message": message,
            "recipients": delivery.recipients,
            "route": delivery.route,
            "inbox": delivery.inbox,
            "auth": auth,
        }
        every.append(Facts(**known_facts, **draw(OTHER_FACTS)))
    return every, policy


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases())
def test_judging_is_total_and_deterministic(case: tuple[list[Facts], Policy]) -> None:
    every, policy = case
    judgements = [judge(facts, policy) for facts in every]
    assert judgements == [judge(facts, policy) for facts in every]
    for facts, judgement in zip(every, judgements, strict=True):
        assert isinstance(judgement.decision, get_args(Decision))
        assert reply_to(judgement.decision, "SUP-1").code // 100 in (2, 4, 5)
        assert_whole(facts, [finding.check for finding in judgement.findings], judgement.decision)
    for judgement in reconcile(judgements):
        outcome_of(judgement.decision)


def assert_whole(facts: Facts, checks: list[str], decision: Any) -> None:
    """The trace begins with what was seen and has every check up to the one that ruled."""
    assert checks[:2] == ["route", "origin"]
    assert {"spf", "helo", "dkim", "dmarc", "arc", "proof", "delivery"} <= set(checks)
    if facts.earlier is not None:
        assert checks[-1] == "delivery"
    elif facts.message.refusal is not None:
        assert (checks[-1], decision) == ("message", Reject(facts.message.refusal))
    elif isinstance(decision, CreateIssue | AddComment):
        assert {"author", "ignored_senders", "denied_senders", "obey_dmarc", "require", "allowed_domains"} <= set(
            checks
        )
        assert "sender" in checks
