"""What an inbox makes of authentication, row by row: verdict, require, on_fail, published policy, ARC, login."""

from typing import Any

import pytest

from smtpintake.auth.results import UNVERIFIED, AuthResult, AuthVerdict
from smtpintake.decide.decision import AddComment, CreateIssue, Defer, Discard, Hold, Judgement, Reject, Repeat
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import outcome_of, reconcile, reply_to
from smtpintake.decide.policy import Proof, Role
from smtpintake.mail.envelope import Login, Relay, ToldBy
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.verdicts import sealed, verdict

CARA = Login("cara", ("cara@customer.example",))
DORA = Login("dora", ("dora@customer.example",))
TRUSTED = {"trusted_sealers": ["lists.example.net"]}
LIST = sealed(dmarc="pass", about="customer.example")
TAKEN = (CreateIssue, Reason.THREAD_NEW)

PROVED = verdict("pass", "pass", "reject", aligned="spf dkim")
BY_SPF = verdict("pass", "fail", "reject", aligned="spf")
BY_DKIM = verdict("fail", "pass", "reject", aligned="dkim")
FORGED = verdict("pass evil.example", "pass evil.example", "reject")
FOREIGN = verdict("pass evil.example", "pass evil.example")
NOTHING = verdict()
# The keys or the SPF record of the author's own domain cannot be looked up.
KEY_OPEN = verdict("fail", "temperror", undecided=True)
SPF_OPEN = verdict("temperror", undecided=True)


def refuse(require: str) -> dict[str, Any]:
    return {"require": require, "on_fail": "reject"}


def hold(require: str) -> dict[str, Any]:
    return {"require": require, "on_fail": "hold"}


def allow(domain: str, proof: str) -> dict[str, Any]:
    return {"allowed_domains": [{"domain": domain, "proof": proof}]}


def judged(
    auth: AuthVerdict, login: Login | None = None, inbox: dict[str, Any] | None = None, **facts: Any
) -> Judgement:
    rules = make.policy(**(inbox or {}))
    return judge(make.facts(rules, auth=auth, envelope=make.envelope(login=login), **facts), rules)


def ruled(auth: AuthVerdict, login: Login | None = None, **inbox: Any) -> tuple[type, Reason]:
    decision = judged(auth, login, inbox).decision
    return type(decision), decision.reason


@pytest.mark.parametrize(
    ("auth", "login", "inbox", "expected"),
    [
        # By default nothing is refused for the lack of proof ...
        (UNVERIFIED, None, {}, TAKEN),
        (NOTHING, None, {}, TAKEN),
        (FOREIGN, None, {}, TAKEN),
        (KEY_OPEN, None, {}, TAKEN),
        (verdict("temperror", "temperror", dmarc="temperror"), None, {}, TAKEN),
        (verdict("fail", "fail", "none"), None, {}, TAKEN),
        # ... but what the author's domain publishes is obeyed.
        (FORGED, None, {}, (Reject, Reason.AUTH_DMARC)),
        (verdict("none", "", "quarantine"), None, {}, (Hold, Reason.AUTH_DMARC)),
        (FORGED, None, {"require": "none"}, (Reject, Reason.AUTH_DMARC)),
        (FORGED, None, {"obey_dmarc": False}, TAKEN),
        (FORGED, DORA, {}, (Reject, Reason.AUTH_DMARC)),
        (FORGED, CARA, {}, TAKEN),
        (BY_DKIM, None, {}, TAKEN),
        (BY_SPF, None, {}, TAKEN),
        (verdict("temperror", "", "reject", undecided=True), None, {}, (Defer, Reason.AUTH_TEMPERROR)),
        (verdict("temperror", "", "quarantine", undecided=True), None, {}, (Defer, Reason.AUTH_TEMPERROR)),
        (verdict("temperror", "", "reject", undecided=True), CARA, {}, TAKEN),
        (verdict("temperror", "pass", "reject", aligned="dkim"), None, {}, TAKEN),
        # DNS trouble of a domain that could not align is nobody's excuse.
        (verdict("temperror evil.example", "", "reject"), None, {}, (Reject, Reason.AUTH_DMARC)),
        # The inbox may be stricter than the domain, and the domain stricter than the inbox.
        (verdict("none", "", "quarantine"), None, {"on_fail": "reject"}, (Reject, Reason.AUTH_UNALIGNED)),
        (verdict("none", "", "quarantine"), None, refuse("none"), (Hold, Reason.AUTH_DMARC)),
        (FORGED, None, {"on_fail": "hold"}, (Reject, Reason.AUTH_DMARC)),
        # ARC overrides for sealers that the admin lists, and only helps.
        (verdict("fail", "fail", "reject", arc=LIST), None, TRUSTED, TAKEN),
        (verdict("fail", "fail", "quarantine", arc=LIST), None, TRUSTED, TAKEN),
        (verdict("fail", "fail", "reject", arc=LIST), None, {}, (Reject, Reason.AUTH_DMARC)),
        (verdict("pass", "pass", "reject", aligned="spf dkim", arc=sealed("fail")), None, TRUSTED, TAKEN),
        (verdict("fail", "fail", "reject", arc=sealed("temperror")), None, TRUSTED, (Defer, Reason.AUTH_TEMPERROR)),
        (verdict("fail", "fail", "reject", arc=sealed("temperror")), None, {}, (Reject, Reason.AUTH_DMARC)),
        (verdict("fail", arc=LIST), None, {**TRUSTED, "on_fail": "reject"}, TAKEN),
        (verdict("fail", arc=LIST), None, TRUSTED | refuse("dmarc"), TAKEN),
        # require = "spf"
        (verdict("pass evil.example"), None, refuse("spf"), TAKEN),
        (verdict("fail"), None, refuse("spf"), (Reject, Reason.SPF_FAIL)),
        (verdict("softfail"), None, refuse("spf"), (Reject, Reason.SPF_FAIL)),
        (verdict("none"), None, hold("spf"), (Hold, Reason.SPF_FAIL)),
        (verdict("fail"), None, {"require": "spf"}, TAKEN),
        (BY_DKIM, None, refuse("spf"), (Reject, Reason.SPF_FAIL)),
        (verdict("fail"), CARA, refuse("spf"), TAKEN),
        (verdict("fail"), DORA, refuse("spf"), (Reject, Reason.SPF_FAIL)),
        (verdict("fail", arc=LIST), None, TRUSTED | refuse("spf"), (Reject, Reason.SPF_FAIL)),
        (verdict("permerror"), None, refuse("spf"), (Reject, Reason.SPF_PERMERROR)),
        (verdict("temperror"), None, refuse("spf"), (Defer, Reason.SPF_TEMPERROR)),
        (verdict("temperror"), None, hold("spf"), (Defer, Reason.SPF_TEMPERROR)),
        (verdict("temperror"), None, {"require": "spf"}, TAKEN),
        (verdict("temperror", "pass", aligned="dkim"), None, refuse("spf"), TAKEN),
        # require = "dkim"
        (BY_DKIM, None, refuse("dkim"), TAKEN),
        (BY_SPF, None, refuse("dkim"), (Reject, Reason.DKIM_NONE)),
        (NOTHING, None, refuse("dkim"), (Reject, Reason.DKIM_NONE)),
        (verdict("pass", "policy", aligned="spf"), None, hold("dkim"), (Hold, Reason.DKIM_WEAK)),
        (FOREIGN, None, refuse("dkim"), (Reject, Reason.DKIM_UNALIGNED)),
        (KEY_OPEN, None, refuse("dkim"), (Defer, Reason.AUTH_TEMPERROR)),
        (SPF_OPEN, None, refuse("dkim"), (Reject, Reason.DKIM_NONE)),
        (verdict("pass", "temperror", aligned="spf"), None, refuse("dkim"), TAKEN),
        (verdict("none", "temperror evil.example"), None, refuse("dkim"), (Reject, Reason.DKIM_NONE)),
        (NOTHING, CARA, refuse("dkim"), TAKEN),
        # require = "aligned"
        (PROVED, None, {"on_fail": "reject"}, TAKEN),
        (FOREIGN, None, {"on_fail": "reject"}, (Reject, Reason.AUTH_UNALIGNED)),
        (FOREIGN, None, {"on_fail": "hold"}, (Hold, Reason.AUTH_UNALIGNED)),
        (FOREIGN, CARA, {"on_fail": "reject"}, TAKEN),
        (KEY_OPEN, None, {"on_fail": "reject"}, (Defer, Reason.AUTH_TEMPERROR)),
        (SPF_OPEN, None, {"on_fail": "hold"}, (Defer, Reason.AUTH_TEMPERROR)),
        (verdict("temperror", "pass", aligned="dkim"), None, {"on_fail": "reject"}, TAKEN),
        # require = "dmarc": aligned, and the domain publishes a policy.
        (PROVED, None, refuse("dmarc"), TAKEN),
        (verdict("pass", aligned="spf"), None, refuse("dmarc"), (Reject, Reason.DMARC_MISSING)),
        (verdict("fail", "", "none"), None, hold("dmarc"), (Hold, Reason.DMARC_MISSING)),
        (SPF_OPEN, None, refuse("dmarc"), (Defer, Reason.AUTH_TEMPERROR)),
        (verdict("pass", aligned="spf", dmarc="temperror"), None, refuse("dmarc"), TAKEN),
        # An allowed domain may count with proof only.
        (NOTHING, None, {"allowed_domains": ["customer.example"]}, TAKEN),
        (NOTHING, None, allow("customer.example", "aligned"), (Reject, Reason.SENDER_UNPROVED)),
        (PROVED, None, allow("*.example", "aligned"), TAKEN),
        (KEY_OPEN, None, allow("*.example", "aligned"), (Defer, Reason.AUTH_TEMPERROR)),
        (NOTHING, CARA, allow("*.example", "aligned"), TAKEN),
        (NOTHING, None, {"allowed_domains": [{"domain": "*.example", "proof": "aligned"}, "customer.example"]}, TAKEN),
        (PROVED, None, allow("other.example", "none"), (Reject, Reason.SENDER_DOMAIN)),
        (FORGED, None, {"obey_dmarc": False} | allow("*.example", "none"), (Reject, Reason.SENDER_UNPROVED)),
    ],
)
def test_what_becomes_of_a_mail(
    auth: AuthVerdict, login: Login | None, inbox: dict[str, Any], expected: tuple[type, Reason]
) -> None:
    assert ruled(auth, login, **inbox) == expected


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (Reason.SPF_FAIL, "550 5.7.23"),
        (Reason.SPF_TEMPERROR, "451 4.7.24"),
        (Reason.SPF_PERMERROR, "550 5.7.24"),
        (Reason.DKIM_NONE, "550 5.7.20"),
        (Reason.DKIM_WEAK, "550 5.7.21"),
        (Reason.DKIM_UNALIGNED, "550 5.7.22"),
        (Reason.DMARC_MISSING, "550 5.7.26"),
        (Reason.AUTH_UNALIGNED, "550 5.7.26"),
        (Reason.AUTH_DMARC, "550 5.7.26"),
        (Reason.AUTH_TEMPERROR, "451 4.4.3"),
        (Reason.SENDER_UNPROVED, "550 5.7.26"),
    ],
)
def test_the_client_hears_the_code_of_rfc_7372(reason: Reason, line: str) -> None:
    assert str(reply_to(Reject(reason), None)).startswith(f"{line} {reason}: ")


@pytest.mark.parametrize(
    ("facts", "inbox", "kind"),
    [
        ({"earlier": make.earlier()}, {}, Repeat),
        ({"message": make.message(from_fields=0, authors=())}, {}, Reject),
        ({}, {"ignored_senders": ["@customer.example"]}, Discard),
    ],
)
def test_what_is_settled_before_is_not_asked_for_proof(
    facts: dict[str, Any], inbox: dict[str, Any], kind: type
) -> None:
    judgement = judged(FORGED, None, inbox, **facts)
    assert type(judgement.decision) is kind
    assert judgement.decision.reason is not Reason.AUTH_DMARC


def test_the_trace_tells_all_that_was_verified_and_what_it_proves() -> None:
    rules = make.policy(trusted_sealers=["lists.example.net"])
    auth = verdict("fail", "fail,pass list.example", "reject", arc=LIST)
    envelope = make.envelope(login=DORA, relay=Relay("198.51.100.9", ToldBy.XCLIENT))
    trace = judge(make.facts(rules, auth=auth, envelope=envelope), rules).findings
    by_check = [(finding.check, finding.result, finding.detail) for finding in trace[2:12]]
    assert by_check == [
        ("relay", "xclient", "198.51.100.9 stands between the client and us"),
        ("login", "somebody else", "dora"),
        ("spf", "fail", "customer.example"),
        ("helo", "none", "client.example"),
        ("dkim", "fail", "customer.example s1 rsa-sha256"),
        ("dkim", "pass", "list.example s1 rsa-sha256"),
        ("dmarc", "fail", "customer.example, p=reject at customer.example"),
        ("arc", "pass", "sealed by lists.example.net, trusted here"),
        ("proof", "aligned", "ARC: lists.example.net saw dmarc=pass"),
        ("delivery", "first", ""),
    ]
    said = {finding.check: (finding.result, finding.detail) for finding in trace}
    overridden = "customer.example publishes p=reject; ARC: lists.example.net saw dmarc=pass"
    assert said["obey_dmarc"] == ("overridden", overridden)
    assert said["require"] == ("met", "aligned")


def test_a_mark_is_a_finding_that_names_what_would_have_been_the_reason() -> None:
    trace = judged(FOREIGN).findings
    (mark,) = [finding for finding in trace if finding.check == "require"]
    assert (mark.result, mark.detail.split(":")[0]) == ("mark", "aligned; auth.unaligned")


def test_a_forgery_that_one_inbox_takes_is_held_for_the_one_that_refuses_it() -> None:
    refusing, deferring = judged(FORGED), judged(KEY_OPEN, None, {"on_fail": "reject"})
    taking = judged(FORGED, None, {"obey_dmarc": False})
    settled = reconcile([refusing, taking, deferring])
    assert [outcome_of(each.decision) for each in settled] == ["held", "created", "held"]
    assert [each.decision.reason for each in settled] == [Reason.AUTH_DMARC, Reason.THREAD_NEW, Reason.AUTH_TEMPERROR]
    # Where nobody takes it the sender hears the one that may change.
    alone = reconcile([refusing, deferring])
    assert [outcome_of(each.decision) for each in alone] == ["rejected", "deferred"]


# ---- the right to append -------------------------------------------------------------------------------------------

MARKED = {"obey_dmarc": False}
STRANGERS = make.candidate(participates=False)
OWN_KEY = make.candidate(Reason.THREAD_KEY, participates=False, key_owner="cara@customer.example")


@pytest.mark.parametrize(
    ("auth", "login", "inbox", "role", "candidate", "appends"),
    [
        # Who works on the project may write to all of it, if it is them.
        (PROVED, None, {}, Role.AGENT, STRANGERS, True),
        (PROVED, None, {}, Role.MANAGER, STRANGERS, True),
        (NOTHING, CARA, {}, Role.AGENT, STRANGERS, True),
        (verdict("fail", "fail", "reject", arc=LIST), None, TRUSTED, Role.AGENT, STRANGERS, True),
        (NOTHING, None, {}, Role.AGENT, STRANGERS, False),
        (NOTHING, DORA, {}, Role.AGENT, STRANGERS, False),
        (FOREIGN, None, {}, Role.MANAGER, STRANGERS, False),
        (KEY_OPEN, None, {}, Role.MANAGER, STRANGERS, False),
        (NOTHING, None, {"require": "spf"}, Role.AGENT, STRANGERS, False),
        # An inbox that asks nobody for proof believes From.
        (NOTHING, None, {"require": "none"}, Role.AGENT, STRANGERS, True),
        (PROVED, None, {}, Role.CUSTOMER, STRANGERS, False),
        (PROVED, None, {}, None, STRANGERS, False),
        # Who takes part must not be disowned.
        (PROVED, None, {}, None, make.candidate(), True),
        (NOTHING, None, {}, None, make.candidate(), True),
        (FORGED, None, MARKED, None, make.candidate(), False),
        (FORGED, None, MARKED, Role.AGENT, make.candidate(), False),
        (FORGED, None, {**MARKED, "require": "none"}, None, make.candidate(), False),
        (FORGED, CARA, MARKED, None, make.candidate(), True),
        # The reply key is proof by itself, but not for a From that its own domain disowns: replies to all hand it on.
        (FORGED, None, MARKED, None, OWN_KEY, False),
        (NOTHING, None, {}, None, OWN_KEY, True),
    ],
)
def test_who_may_append(
    auth: AuthVerdict, login: Login | None, inbox: dict[str, Any], role: Role | None, candidate: Any, appends: bool
) -> None:
    sender = make.sender(role) if role else None
    judgement = judged(auth, login, inbox, sender=sender, candidates=(candidate,))
    assert isinstance(judgement.decision, AddComment if appends else CreateIssue)


def test_a_comment_carries_the_proof_of_its_author_or_of_the_key() -> None:
    def proof(auth: AuthVerdict, candidate: Any) -> Proof:
        decision = judged(auth, candidates=(candidate,)).decision
        assert isinstance(decision, AddComment)
        return decision.proof

    assert proof(PROVED, make.candidate()) is Proof.ALIGNED
    assert proof(NOTHING, make.candidate()) is Proof.NONE
    assert proof(NOTHING, OWN_KEY) is Proof.KEY


def test_the_trace_says_that_the_right_was_there_and_the_proof_was_not() -> None:
    trace = judged(NOTHING, sender=make.sender(Role.AGENT), candidates=(STRANGERS,)).findings
    (thread,) = [finding for finding in trace if finding.check == Reason.THREAD_REFERENCE]
    assert (thread.result, thread.detail) == (
        "mention",
        "SUP-3 by evidence: right to comment_any on SUP-3 (agent of SUP) takes proof aligned, this is none",
    )


@pytest.mark.parametrize("result", list(AuthResult))
@pytest.mark.parametrize("require", ["none", "spf", "dkim", "aligned", "dmarc"])
@pytest.mark.parametrize("on_fail", ["mark", "hold", "reject"])
def test_whatever_is_said_there_is_one_decision(result: AuthResult, require: str, on_fail: str) -> None:
    auth = verdict(result, f"{result},{result} list.example", "none", dmarc=result, arc=sealed(result))
    kind, reason = ruled(auth, require=require, on_fail=on_fail)
    assert on_fail != "mark" or kind is CreateIssue
    assert kind is not Defer or reason in (Reason.AUTH_TEMPERROR, Reason.SPF_TEMPERROR)
    assert kind is not Hold or on_fail == "hold"
