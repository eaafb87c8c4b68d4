"""`may`: each right, given and proved; and what `[rights]` may not ask for."""

from typing import Any

import pytest

from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.decide.policy import Policy, PolicyError, Proof, Right, Role, read_document
from smtpintake.decide.policy.rights import allowed_proofs
from smtpintake.decide.rights import may, may_on
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.verdicts import verdict

PROVED = verdict("pass", aligned="spf")
DISOWNED = verdict("fail", "fail", "reject")
OF_AGENTS = (Right.COMMENT_ANY, Right.VIEW, Right.INTERNAL, Right.COMMANDS, Right.AGENT)


def ruled(rights: dict[str, str], **inbox: Any) -> Policy:
    made = make.policy(**inbox)
    return Policy(1, read_document({**made.document.model_dump(mode="json"), "rights": rights}))


@pytest.mark.setting("rights.view", "rights.internal", "rights.commands", "rights.agent")
@pytest.mark.parametrize("right", OF_AGENTS)
@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("auth", [PROVED, UNVERIFIED, DISOWNED])
def test_agents_rights_are_agents_and_take_proof(right: Right, role: Role | None, auth: AuthVerdict) -> None:
    policy = make.policy()
    facts = make.facts(policy, sender=make.sender(role), auth=auth)
    works = role in (Role.AGENT, Role.MANAGER) or (role is Role.MEMBER and right in (Right.COMMENT_ANY, Right.VIEW))
    answer = may(facts, policy, right, "SUP")
    assert bool(answer) is (works and auth is PROVED)
    assert answer.missing is (Proof.ALIGNED if works and auth is not PROVED else None)
    assert not may(facts, policy, right, "OPS")
    stricter = ruled({right: "key"})
    assert not may(make.facts(stricter, sender=make.sender(role), auth=auth), stricter, right, "SUP")


@pytest.mark.parametrize("right", OF_AGENTS)
def test_an_inbox_that_asks_nobody_for_proof_believes_from_but_for_commands(right: Right) -> None:
    policy = make.policy(require="none")
    facts = make.facts(policy, sender=make.sender(Role.AGENT))
    assert bool(may(facts, policy, right, "SUP")) is (right is not Right.COMMANDS)
    stricter = ruled({right: "key"}, require="none")
    assert not may(make.facts(stricter, sender=make.sender(Role.AGENT)), stricter, right, "SUP")


@pytest.mark.parametrize("right", list(Right))
def test_nothing_that_failed_is_added_to_an_issue_whatever_the_policy(right: Right) -> None:
    """Whoever the author is said to be, and however little is asked."""
    least = allowed_proofs(right)[0]
    policy = ruled({right: least}, require="none", obey_dmarc=False, auto_reply={"least_proof": "failed"})
    for role in (None, *Role):
        facts = make.facts(policy, sender=make.sender(role), auth=DISOWNED)
        assert facts.proof is Proof.FAILED
        assert not may_on(facts, policy, right, make.candidate()) or right in (Right.CREATE, Right.AUTO_REPLY)


@pytest.mark.parametrize("right", [*OF_AGENTS, Right.COMMENT])
def test_our_message_id_proves_nobody_for_what_only_some_may_do(right: Right) -> None:
    policy = make.policy()
    facts = make.facts(policy, sender=make.sender(Role.AGENT))
    owned = {"participates": False, "key_owner": "cara@customer.example"}
    assert may_on(facts, policy, right, make.candidate(Reason.THREAD_KEY, **owned))
    assert bool(may_on(facts, policy, right, make.candidate(Reason.THREAD_REFERENCE, **owned))) is (
        right is Right.COMMENT
    )


@pytest.mark.parametrize("right", list(Right))
def test_rights_have_safe_bounds(right: Right) -> None:
    for proof in Proof:
        if proof in allowed_proofs(right):
            assert ruled({right: proof}).document.rights.least(right) is proof
        else:
            with pytest.raises(PolicyError, match=f"rights.{right}: {proof} is not safe"):
                ruled({right: proof})
    assert (Proof.FAILED in allowed_proofs(right)) is (right in (Right.CREATE, Right.AUTO_REPLY))
    assert (Proof.NONE in allowed_proofs(right)) is (right not in OF_AGENTS)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"permissions": {"SUP": ["creat"]}}, r"person\[0\]\.permissions\.SUP\[0\]: 'creat' is not a permission"),
        ({"permissions": {"SUP": ["create:"]}}, "'create:' is not a permission"),
        ({"permissions": {"SUP": ["view:task"]}}, "'view:task' is not a permission"),
        ({"permissions": {"SUP": ["create:alert"]}}, "'alert' is not a type of SUP; it has incident, task"),
        ({"permissions": {"NEW": ["view"]}}, r"person\[0\]\.permissions\.NEW: 'NEW' is not a project"),
    ],
)
def test_a_permission_must_make_sense(table: dict[str, Any], fault: str) -> None:
    made = make.policy().document.model_dump(mode="json")
    with pytest.raises(PolicyError, match=fault):
        read_document({**made, "person": [{"name": "Ana", "addresses": ["ana@example.org"], **table}]})


@pytest.mark.parametrize(
    ("inbox", "fault"),
    [
        ({"unknown_senders": "import"}, r"inbox\[0\]\.unknown_senders: import_as must say"),
        ({"import_as": "ana@example.org"}, r"inbox\[0\]\.import_as: it is for unknown_senders"),
    ],
)
def test_import_names_a_person(inbox: dict[str, Any], fault: str) -> None:
    with pytest.raises(PolicyError, match=fault):
        make.policy(**inbox)
