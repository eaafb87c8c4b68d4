"""`held`: what waits is listed with its cause, released once, discarded with a note."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

POLICY = """\
[[project]]
key = "SUP"
name = "Support"

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "hold"
"""


def letter(number: int) -> str:
    return (
        f"From: Cara <cara@customer.example>\nTo: support@example.org\nSubject: Mail {number}\n"
        f"Message-ID: <m{number}@customer.example>\n\nHelp!\n"
    )


@pytest.fixture
def held(
    migrated: None, command: Run, as_json: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The ids of two held mails."""
    monkeypatch.setenv("SMTPINTAKE_AUTHENTICATION__VERIFY", "false")
    (folder / "policy.toml").write_text(POLICY)
    assert command("apply", "policy.toml")[0] == 0
    for number in (1, 2):
        (folder / "mail.eml").write_text(letter(number))
        status, out, _ = command("deliver", "mail.eml", "--to", "support@example.org")
        assert (status, "250 2.0.0 held for review" in out) == (0, True)
    return [mail["id"] for mail in as_json("held", "list")]


def test_the_list_has_what_an_operator_needs(held: list[str], command: Run, as_json: Callable[..., Any]) -> None:
    first, _ = as_json("held", "list")
    assert (first["reason"], first["check"], first["inbox"]) == ("sender.unknown", "unknown_senders", "support")
    assert (first["author"], first["outcome"]) == ("cara@customer.example", "held")
    assert first["age"] >= 0
    _, out, _ = command("held", "list")
    assert held[0] in out
    assert "sender.unknown" in out
    assert as_json("held", "list", "--inbox", "other") == []


def test_show_has_the_trace_and_the_text(held: list[str], command: Run, as_json: Callable[..., Any]) -> None:
    shown = as_json("held", "show", held[0])
    assert shown["text"].strip() == "Help!"
    assert shown["trace"][-1]["check"] == "unknown_senders"
    _, out, _ = command("held", "show", held[0])
    assert "Mail 1" in out
    assert "    Help!" in out


def test_release_makes_the_issue_and_a_second_one_is_an_error(
    held: list[str], command: Run, as_json: Callable[..., Any]
) -> None:
    row = as_json("held", "release", held[0])
    assert (row["outcome"], row["issue"]) == ("created", "SUP-1")
    assert as_json("log", "show", held[0])["released_by"] == row["id"]
    status, out, err = command("held", "release", held[0])
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        f"smtpintake: {held[0]} is held no longer: log {row['id']} says what became of it",
    ]
    assert [mail["id"] for mail in as_json("held", "list")] == held[1:]
    assert as_json("issue", "show", "SUP-1")["title"] == "Mail 1"


def test_discard_keeps_the_note(held: list[str], command: Run, as_json: Callable[..., Any]) -> None:
    row = as_json("held", "discard", held[0], "--note", "an advertisement")
    assert (row["outcome"], row["reason"]) == ("discarded", "held.discarded")
    assert row["trace"][-1]["detail"] == "by an operator: an advertisement"
    assert command("held", "discard", held[0])[0] == 1


def test_what_is_not_held_is_said_in_one_line(held: list[str], command: Run, as_json: Callable[..., Any]) -> None:
    row = as_json("held", "release", held[1])
    for log_id, said in ((row["id"], "not held, but created"), ("zzzz", "there is no log row"), ("0", "several ids")):
        status, _, err = command("held", "show", log_id)
        assert status == 1
        assert said in err
        assert len(err.splitlines()) == 1


def test_what_would_be_refused_anyway_stays_held(held: list[str], command: Run, folder: Path) -> None:
    (folder / "policy.toml").write_text(POLICY + 'denied_senders = ["@customer.example"]\n')
    assert command("apply", "policy.toml")[0] == 0
    status, _, err = command("held", "release", held[0])
    assert status == 1
    assert err == f"smtpintake: {held[0]} stays held: denied_senders refuses it, too (sender.denied)\n"


def test_an_answer_goes_to_the_author_and_the_mail_stays_held(
    held: list[str], command: Run, as_json: Callable[..., Any]
) -> None:
    said = as_json("held", "answer", held[0], "--text", "Please register first.\nYours, Ana")
    assert (said["rcpt_to"], said["subject"]) == ("cara@customer.example", "Re: Mail 1")
    sent = as_json("outbox", "show", str(said["outbox"]))
    assert (sent["kind"], sent["mail_from"], sent["state"]) == ("answer", "", "queued")
    assert "From: Support <support@example.org>" in sent["text"]
    assert "In-Reply-To: <m1@customer.example>" in sent["text"]
    assert "Auto-Submitted" not in sent["text"], "a person wrote it"
    assert "X-Smtpintake-Loop" in sent["text"]
    assert "Please register first.\r\nYours, Ana" in sent["text"]
    shown = as_json("held", "show", held[0])
    assert (shown["check"], shown["trace"][-1]["check"]) == ("unknown_senders", "answer")
    assert as_json("held", "release", held[0])["issue"] == "SUP-1"


def test_an_answer_needs_a_text(held: list[str], command: Run) -> None:
    status, _, err = command("held", "answer", held[0], "--text", " ")
    assert status == 1
    assert "nothing to send" in err


def test_purge_says_what_went(held: list[str], command: Run, as_json: Callable[..., Any]) -> None:
    assert as_json("purge") == {"expired": 0, "rows": 0, "raws": 0, "sent": 0}
    assert command("purge")[1] == "0 held mails expired, 0 log rows, 0 raw mails and 0 of our own deleted\n"
