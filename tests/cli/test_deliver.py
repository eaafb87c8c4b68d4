"""`deliver`, as far as it is no journey: the exit status that a mail server's pipe understands, and our own faults."""

from pathlib import Path

import pytest

from smtpintake.cli import deliver
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import HELD, REFUSALS, Reply, created
from tests.cli.conftest import Run

UNKNOWN, STRANGER = REFUSALS[Reason.RCPT_UNKNOWN], REFUSALS[Reason.SENDER_UNKNOWN]
COMPLEX, FAULT = REFUSALS[Reason.MESSAGE_COMPLEX], REFUSALS[Reason.FAULT_STORAGE]


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ([created("SUP-1")], 0),
        ([HELD], 0),
        ([FAULT], 75),
        ([UNKNOWN], 67),
        ([STRANGER], 77),
        ([COMPLEX], 69),
        ([UNKNOWN, created("SUP-1")], 0),
        ([UNKNOWN, STRANGER], 67),
        ([UNKNOWN, FAULT], 75),
        ([FAULT, created("SUP-1")], 75),
    ],
)
def test_the_status_tells_the_pipe_what_to_do(replies: list[Reply], status: int) -> None:
    assert deliver.exit_status(replies) == status


@pytest.fixture
def mail(folder: Path) -> str:
    (folder / "mail.eml").write_bytes(b"From: cara@customer.example\nSubject: x\n\nHelp!\n")
    return "mail.eml"


def test_settings_with_faults_bounce_no_mail(command: Run, mail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPINTAKE_SMTP__LISTEN", "nowhere")
    monkeypatch.setenv("SMTPINTAKE_LOG__LEVEL", "loud")
    status, out, error = command("deliver", mail, "--to", "support@example.org")
    assert (status, out, error.count("\n")) == (75, "", 1)
    assert "SMTPINTAKE_SMTP__LISTEN" in error
    assert "SMTPINTAKE_LOG__LEVEL" in error


@pytest.mark.parametrize("url", ["sqlite:////dev/null/x.db", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_out_of_reach_bounces_no_mail(
    command: Run, mail: str, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SMTPINTAKE_DATABASE__URL", url)
    status, out, error = command("deliver", mail, "--to", "support@example.org")
    assert (status, out, error.count("\n")) == (75, "", 1)
    assert error.startswith("smtpintake: database: ")


def test_a_bug_of_ours_bounces_no_mail(
    migrated: None, command: Run, mail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "open_journey", lambda *_: 1 // 0)
    status, out, error = command("deliver", mail, "--to", "support@example.org")
    assert (status, out) == (75, "")
    assert error.rstrip().endswith(
        "smtpintake: a fault of ours: ZeroDivisionError('integer division or modulo by zero')"
    )


def test_what_is_no_address_is_wrong_usage(command: Run, mail: str) -> None:
    assert command("deliver", mail, "--to", "support")[0] == 2
