"""What answers something internal is internal, or held; nothing else is."""

from typing import Any

import pytest

from smtpintake.auth.results import UNVERIFIED
from smtpintake.decide.decision import AddComment, Decision, Hold
from smtpintake.decide.judge import judge
from smtpintake.decide.policy import Role
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason
from tests import make
from tests.decide.verdicts import verdict

ALIGNED = verdict("pass", aligned="spf")

KEY = make.candidate(Reason.THREAD_KEY, internal=True, key_owner="cara@customer.example")
ID = make.candidate(internal=True)


def decided(*candidates: Any, **values: Any) -> Decision:
    rules = make.policy()
    base = {"sender": make.sender(Role.AGENT), "auth": ALIGNED, "standing": {3: make.standing()}}
    return judge(make.facts(rules, **(base | {"candidates": candidates} | values)), rules).decision


@pytest.mark.parametrize(
    "candidates", [(KEY,), (ID,), (make.candidate(Reason.THREAD_KEY), ID), (KEY, make.candidate())]
)
@pytest.mark.parametrize("commands", [None, make.block("#tag fuse")])
def test_an_answer_to_something_internal_is_internal_and_reopens_nothing(candidates: Any, commands: Any) -> None:
    decision = decided(*candidates, commands=commands)
    assert isinstance(decision, AddComment)
    assert (decision.orders.internal, decision.status) == (True, "")
    assert len(decision.orders.obeyed) == (commands is not None)


@pytest.mark.parametrize(
    "candidates",
    [
        (make.candidate(),),
        (make.candidate(Reason.THREAD_KEY),),
        (make.candidate(), make.candidate(issue_id=4, issue_key="SUP-4", internal=True)),
    ],
)
def test_an_answer_to_anything_else_is_not(candidates: Any) -> None:
    decision = decided(*candidates)
    assert isinstance(decision, AddComment)
    assert not decision.orders.internal


@pytest.mark.parametrize(
    "values",
    [
        {"sender": make.sender(Role.CUSTOMER)},
        {"sender": None},
        {"auth": UNVERIFIED},
        {"message": make.message(origin=Origin.AUTO_REPLY), "sender": make.sender(Role.CUSTOMER)},
    ],
)
def test_whoever_may_write_nothing_internal_is_held(values: dict[str, Any]) -> None:
    assert decided(ID, **values) == Hold(Reason.INTERNAL_RIGHT)
    released = decided(ID, **values, waived="internal")
    assert isinstance(released, AddComment)
    assert not released.orders.internal
