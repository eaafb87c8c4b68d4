"""`hash-password`: a password from standard input becomes what the settings take."""

import io

import pytest
from argon2 import PasswordHasher

from smtpintake.settings import Account
from tests.cli.conftest import Run


def test_the_hash_is_one_that_the_settings_take(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    status, out, _ = command("hash-password")
    assert status == 0
    assert PasswordHasher().verify(out.strip(), "hunter2")
    Account(username="scanner", password_hash=out.strip(), senders=["@example.org"])


def test_an_empty_password_is_refused(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    status, out, error = command("hash-password")
    assert (status, out) == (1, "")
    assert "empty password" in error
