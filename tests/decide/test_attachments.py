"""Which attachments an inbox takes, and what the others cost."""

from typing import Any

import pytest

from smtpintake.convert.file import File
from smtpintake.decide.alternatives import alternatives
from smtpintake.decide.decision import CreateIssue, Decision, Hold, Reject
from smtpintake.decide.facts import Finding
from smtpintake.decide.judge import judge
from smtpintake.decide.policy import PolicyError
from smtpintake.mail.reason import Reason
from tests import make

PROGRAM = "application/vnd.microsoft.portable-executable"
IMAGE = make.file("photo.JPG", "image/jpeg")
PDF = make.file("bill.pdf", "application/pdf", size=2000)
NAMED_PROGRAM = make.file("setup.exe", "application/octet-stream")
HIDDEN_PROGRAM = make.file("bill.pdf", "application/pdf", PROGRAM)
SAID_TO_BE_PROGRAM = make.file("x", PROGRAM, "text/plain")


def judged(attachments: dict[str, Any], *files: File, **facts: Any) -> tuple[Decision, Finding]:
    rules = make.policy(attachments=attachments, require="none")
    judgement = judge(make.facts(rules, files=files, **facts), rules)
    (finding,) = [finding for finding in judgement.findings if finding.check == "attachments"]
    return judgement.decision, finding


@pytest.mark.setting(
    "inbox.attachments.denied",
    "inbox.attachments.allowed",
    "inbox.attachments.max_count",
    "inbox.attachments.max_size",
)
@pytest.mark.parametrize(
    ("attachments", "files", "unwanted"),
    [
        ({}, [NAMED_PROGRAM, PDF], ""),
        ({"denied": [".exe"]}, [PDF, NAMED_PROGRAM], "setup.exe: .exe is denied"),
        ({"denied": [".EXE"]}, [make.file("Setup.Exe. ", "a/b")], "Setup.Exe: .exe is denied"),
        ({"denied": [".exe"]}, [make.file("bill.exe.pdf", "a/b")], ""),
        ({"denied": [PROGRAM]}, [HIDDEN_PROGRAM], f"bill.pdf: {PROGRAM} is denied"),
        ({"denied": [PROGRAM]}, [SAID_TO_BE_PROGRAM], f"x: {PROGRAM} is denied"),
        ({"denied": ["*"]}, [IMAGE], "photo.JPG: * is denied"),
        ({"allowed": ["image/*", "application/pdf"]}, [IMAGE, PDF], ""),
        ({"allowed": ["image/*", "application/pdf"]}, [HIDDEN_PROGRAM], f"bill.pdf: {PROGRAM} is not allowed"),
        ({"allowed": [".jpg"]}, [IMAGE, PDF], "bill.pdf: application/pdf is not allowed"),
        ({"allowed": ["image/*"], "denied": [".jpg"]}, [IMAGE], "photo.JPG: .jpg is denied"),
        ({"allowed": ["image/*"]}, [], ""),
        ({"max_size": 1999}, [IMAGE, PDF], "bill.pdf: 2000 octets, 1999 are taken"),
        ({"max_size": 2000}, [IMAGE, PDF], ""),
        ({"max_count": 1}, [IMAGE, PDF], "bill.pdf: 1 attachments are taken"),
        ({"max_count": 0}, [IMAGE], "photo.JPG: 0 attachments are taken"),
        ({"max_count": 2}, [IMAGE, PDF], ""),
    ],
)
def test_what_is_not_taken(attachments: dict[str, Any], files: list[File], unwanted: str) -> None:
    decision, finding = judged(attachments, *files)
    if unwanted:
        assert decision == Reject(Reason.ATTACHMENT_UNWANTED)
        assert finding == Finding("attachments", "reject", unwanted)
    else:
        assert isinstance(decision, CreateIssue)
        assert finding == Finding("attachments", "wanted", str(len(files)))


def test_what_is_dropped_does_not_count_and_many_are_named_in_brief() -> None:
    rules = {"denied": [".exe"], "max_count": 1, "on_unwanted": "drop"}
    decision, finding = judged(rules, *[NAMED_PROGRAM] * 7, IMAGE, PDF)
    assert isinstance(decision, CreateIssue)
    assert decision.extent.dropped == {NAMED_PROGRAM, PDF}
    assert finding.result == "dropped"
    assert finding.detail == "; ".join(["setup.exe: .exe is denied"] * 5) + "; and 3 more"


@pytest.mark.setting("inbox.attachments.on_unwanted")
def test_it_is_held_until_an_operator_lets_it_go() -> None:
    rules = {"denied": [".exe"], "on_unwanted": "hold"}
    assert judged(rules, NAMED_PROGRAM)[0] == Hold(Reason.ATTACHMENT_UNWANTED)
    decision, finding = judged(rules, NAMED_PROGRAM, waived="attachments")
    assert isinstance(decision, CreateIssue)
    assert (finding.result, decision.extent.dropped) == ("waived", frozenset())


@pytest.mark.parametrize(
    ("attachments", "key"),
    [
        ({"denied": ["exe"]}, "denied[0]"),
        ({"allowed": ["image/"]}, "allowed[0]"),
        ({"max_count": -1}, "max_count"),
        ({"max_size": "none"}, "max_size"),
        ({"on_unwanted": "delete"}, "on_unwanted"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(attachments: dict[str, Any], key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        make.policy(attachments=attachments)
    assert [fault.key for fault in caught.value.faults] == [f"inbox[0].attachments.{key}"]


def test_explain_names_what_would_have_let_it_in() -> None:
    rules = make.policy(attachments={"denied": [".exe", ".scr"]}, require="none")
    nearest = alternatives(make.facts(rules, files=(NAMED_PROGRAM,)), rules)
    assert [(one.change, one.outcome) for one in nearest if one.setting == "attachments"] == [
        ("attachments.on_unwanted = 'hold'", "held"),
        ("attachments.on_unwanted = 'drop'", "created"),
        ("attachments.denied without '.exe'", "created"),
    ]
    assert nearest[0].setting == "attachments"
