"""`preview`, and what `doctor` and `apply` say of an installation's own templates."""

from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest

from smtpintake.compose.kinds import SAMPLES
from tests.cli.conftest import Run
from tests.cli.test_commands import DEMO

SETTINGS = '[templates]\nfolder = "words"\n[web]\npublic_url = "https://tracker.example.org"\n'


@pytest.fixture
def words(tracker: None, command: Run, folder: Path) -> Path:
    """The folder of the installation's own templates, which the settings name."""
    assert command("apply", DEMO)[0] == 0
    (folder / "conf").mkdir()
    (folder / "conf" / "smtpintake.toml").write_text(SETTINGS)
    (folder / "words").mkdir()
    return folder / "words"


@pytest.mark.parametrize("kind", sorted(SAMPLES.keys() - {"digest"}))
def test_every_kind_of_mail_is_shown_as_it_would_be_written(words: Path, command: Run, kind: str) -> None:
    status, out, err = command("preview", kind, "--issue", "sup-1", "--to", "Ana@example.org", "--language", "de")
    assert (status, err) == (0, "")
    mail = message_from_string(out, policy=default)
    assert mail["To"] == "Ana@example.org"
    assert "[SUP-1]" in mail["Subject"]
    assert mail["Content-Language"] == "de"
    assert mail["X-Smtpintake-Loop"]


def test_the_digest_is_shown_as_it_would_be_written(words: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPINTAKE_DIGEST__TO", "ops@example.net,more@example.net")
    status, out, err = command("preview", "digest", "--language", "de")
    assert (status, err) == (0, "")
    mail = message_from_string(out, policy=default)
    assert mail["To"] == "ops@example.net"
    assert mail["Subject"].startswith("Tagesbericht von")
    assert "Eigene E-Mails, die mehr als 4 Stunden warten: 1" in out
    assert "To: pia@example.net" in command("preview", "digest", "--to", "pia@example.net")[1]


def test_the_html_is_shown_where_it_is_asked_for(words: Path, command: Run) -> None:
    _, out, _ = command("preview", "autoreply", "--issue", "SUP-1", "--html")
    assert '<html lang="en">' in out
    assert '<a href="https://tracker.example.org/issues/SUP-1">' in out


def test_own_words_are_shown(words: Path, command: Run) -> None:
    (words / "autoreply.txt").write_text("Ours: {{ issue_key }}")
    status, out, err = command("preview", "autoreply", "--issue", "SUP-1")
    assert (status, err) == (0, "")
    assert out.endswith("\n\nOurs: SUP-1\n")


def test_a_faulty_template_is_told_by_doctor_apply_and_preview(words: Path, command: Run) -> None:
    (words / "autoreply.txt").write_text("Ours:\n{{ isue_key }}")
    (words / "locale").mkdir()
    (words / "locale" / "de.po").write_bytes(b'msgid "Hello,"\nmsgstr "Gr\xfc\xdf Gott,"\n')
    status, out, err = command("preview", "autoreply", "--issue", "SUP-1")
    assert status == 0
    assert "We have received your message" in out
    assert err == (
        "smtpintake: warning: autoreply.txt: cannot be rendered in en: 'isue_key' is undefined; "
        "the built-in templates were used\n"
    )
    _, out, _ = command("doctor")
    assert "autoreply.txt: cannot be rendered in en: 'isue_key' is undefined" in out
    assert "locale/de.po: is not UTF-8" in out
    status, _, err = command("apply", DEMO)
    assert status == 0
    assert "smtpintake: warning: words: autoreply.txt: cannot be rendered in en" in err


def test_a_folder_that_is_not_there_is_told(words: Path, command: Run) -> None:
    words.rmdir()
    assert "words: there is no such folder" in command("doctor")[1]
    assert command("preview", "notice", "--issue", "SUP-1")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (("letter", "--issue", "SUP-1"), 2, "'letter' is not one of"),
        (("notice", "--issue", "SUP-9"), 1, "there is no issue SUP-9"),
        (("notice",), 2, "name the issue that the mail is about"),
        (("digest",), 1, "name one with --to"),
        (("digest", "--to", "support@example.org"), 1, "an inbox is sent no digest: support@example.org"),
        (("notice", "--issue", "SUP-1", "--to", "nobody"), 1, "'nobody' is no address"),
    ],
)
def test_what_cannot_be_shown(words: Path, command: Run, arguments: tuple[str, ...], status: int, what: str) -> None:
    found, out, err = command("preview", *arguments)
    assert (found, out) == (status, "")
    assert what in err
