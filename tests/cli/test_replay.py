"""`replay` and `apply --dry-run --replay`: what another policy would make of logged mail, for people and programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

Json = Callable[..., Any]
POLICY = """\
[[project]]
key = "SUP"
name = "Support"

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
"""
STRICTER = POLICY + 'denied_senders = ["@spam.example"]\n'


@pytest.fixture
def logged(migrated: None, command: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two mails of strangers, one of them from spam.example: the id of its log row."""
    monkeypatch.setenv("SMTPINTAKE_AUTHENTICATION__VERIFY", "false")
    (folder / "policy.toml").write_text(POLICY)
    (folder / "stricter.toml").write_text(STRICTER)
    assert command("apply", "policy.toml")[0] == 0
    for domain in ("customer.example", "spam.example"):
        (folder / "mail.eml").write_text(f"From: Cara <cara@{domain}>\nSubject: Printer on fire\n\nHelp!\n")
        status, out, _ = command("deliver", "mail.eml", "--to", "support@example.org")
        assert status == 0
    return out.rstrip()[-16:]


def test_nothing_differs_under_the_policy_in_force(command: Run, logged: str) -> None:
    assert command("replay")[:2] == (0, "2 mails judged again; 0 would differ\n")


def test_another_policy_is_asked_about(command: Run, as_json: Json, logged: str) -> None:
    status, out, _ = command("replay", "--policy", "stricter.toml")
    assert status == 0
    lines = out.splitlines()
    assert f"{logged}: The author is a denied sender, by '@spam.example' of inbox support." in lines
    assert lines[-1] == "2 mails judged again; 1 would differ: 1 created -> rejected"
    found = as_json("replay", "--policy", "stricter.toml", "--since", "1h", "--inbox", "support")
    (one,) = found["differences"]
    assert (one["log"], one["author"], one["was"]["outcome"]) == (logged, "cara@spam.example", "created")
    assert one["would_be"] == {"outcome": "rejected", "reason": "sender.denied", "inbox": "support", "issue": None}
    assert one["decided_by"]["check"] == "denied_senders"
    assert (found["mails"], found["not_judged"]) == (2, [])


def test_a_dry_run_shows_both_differences(command: Run, as_json: Json, logged: str) -> None:
    status, out, _ = command("apply", "--dry-run", "--replay", "7d", "stricter.toml")
    assert status == 0
    assert out.startswith(
        '~ inbox support: denied_senders [] -> ["@spam.example"]\nnothing was changed: this was a dry'
    )
    assert out.endswith("2 mails judged again; 1 would differ: 1 created -> rejected\n")
    found = as_json("apply", "--dry-run", "--replay", "7d", "stricter.toml")
    assert (len(found["changes"]), len(found["replay"]["differences"]), found["applied"]) == (1, 1, False)
    # Nothing has come into force by asking.
    assert command("replay")[1] == "2 mails judged again; 0 would differ\n"


def test_a_replay_is_for_looking(command: Run, logged: str) -> None:
    status, _, err = command("apply", "--replay", "7d", "stricter.toml")
    assert (status, "--replay goes with --dry-run" in err) == (2, True)


@pytest.mark.parametrize(
    ("policy", "what"),
    [
        ("[[project", "is not TOML"),
        ('[[inbox]]\nname = "a"\nproject = "X"\naddresses = ["a@example.org"]\n', "p.toml: inbox[0].project: "),
        # By itself it is right; with what stays in force it is not.
        (
            POLICY.replace('name = "support"', 'name = "another"'),
            "p.toml: inbox.addresses: 'support@example.org' is given 2 times",
        ),
    ],
)
def test_a_faulty_file_is_said_in_one_line(command: Run, folder: Path, logged: str, policy: str, what: str) -> None:
    (folder / "p.toml").write_text(policy)
    status, out, err = command("replay", "--policy", "p.toml")
    assert (status, out) == (2, "")
    assert what in err


# ---- explain -------------------------------------------------------------------------------------------------------


def test_explain_says_why_and_what_would_have_changed_it(
    command: Run, as_json: Json, folder: Path, logged: str
) -> None:
    (folder / "mail.eml").write_text("From: Cara <cara@spam.example>\nSubject: Another\n\nHelp!\n")
    assert command("apply", "stricter.toml")[0] == 0
    arguments = ("explain", "mail.eml", "--to", "support@example.org")
    status, out, _ = command(*arguments)
    assert status == 0
    assert "  The author is a denied sender, by '@spam.example' of inbox support.\n" in out
    assert "  The mail would be refused (sender.denied). Decided by denied_senders, under policy version 2.\n" in out
    wish = "With denied_senders without '@spam.example' it would become a new issue (thread.new)."
    assert f"  What would have changed it:\n  - {wish}\n" in out
    (found,) = as_json(*arguments)
    assert found["trace"][-1]["check"] == "denied_senders"
    assert found["sentences"][-2:] == [
        "The author is a denied sender, by '@spam.example' of inbox support.",
        "The mail would be refused (sender.denied). Decided by denied_senders, under policy version 2.",
    ]
    (nearest,) = found["nearest"]
    assert (nearest["setting"], nearest["outcome"], nearest["sentence"]) == ("denied_senders", "created", wish)
