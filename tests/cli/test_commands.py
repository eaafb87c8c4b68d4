"""The commands: what they print for people and for programs, their exit status, and faults in one line."""

import io
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import text

from smtpintake.cli import smtpintake as program
from smtpintake.decide.scores import Severity
from smtpintake.store.addresses import Mark, mark
from smtpintake.store.database import Database
from tests.cli.conftest import Run
from tests.store.tracked import CREATED, HELD, LARGE, REFUSED, SMALL

Json = Callable[..., Any]
DEMO = str(Path(__file__).parents[2] / "conf" / "intake.toml")


# ---- usage and faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (("isue",), 2, "No such command 'isue'. Did you mean 'issue'?"),
        (("log", "lst"), 2, "No such command 'lst'. Did you mean 'list'?"),
        (("log", "list", "--outcom", "held"), 2, "No such option"),
        (("log", "list", "--since", "yesterday"), 2, "'yesterday' is not a time span such as 30m, 2h, 7d"),
        (("log", "list", "--since", "999999w"), 2, "is not a time span"),
        (("log", "list", "--limit", "0"), 2, "0 is not in the range"),
        (("issue", "set", "SUP-1", "status"), 2, "'status' is not of the form NAME=VALUE"),
        (("apply", "none.toml"), 2, "none.toml: No such file"),
        (("--config", "none.toml", "export"), 2, "none.toml: cannot be read: No such file"),
        (("export", "--config", "none.toml"), 2, "none.toml: cannot be read: No such file"),
        (("log", "list", "--config", "none.toml"), 2, "none.toml: cannot be read: No such file"),
        (("issue", "show", "SUP-9"), 1, "there is no issue SUP-9"),
        (("issue", "set", "SUP-9", "status=open"), 1, "there is no issue SUP-9"),
        (("issue", "comment", "SUP-9", "x"), 1, "there is no issue SUP-9"),
        (("log", "show", "zzz"), 1, "there is no log row zzz"),
        (("log", "raw", "zzz"), 1, "there is no log row zzz"),
        (("outbox", "show", "7"), 1, "there is no mail 7 in the outbox"),
        (("outbox", "show", str(2**63)), 2, f"'{2**63}' is no number that a list or 'show' prints"),
        (("outbox", "show", "abc"), 2, "'abc' is no number"),
        (("issue", "attachment", str(2**63), "-o", "x"), 2, "is no number"),
        (("person", "show", "x@example.org"), 1, "nobody is known as x@example.org"),
        (("person", "show", "M\udcfcller"), 1, "M\\udcfcller: this is no UTF-8"),
        (("log", "list", "--message-id", "\udcfc"), 1, "this is no UTF-8"),
    ],
)
def test_a_fault_is_said_in_one_line(
    migrated: None, command: Run, arguments: tuple[str, ...], status: int, what: str
) -> None:
    found, out, err = command(*arguments)
    assert found == status
    assert what in err
    assert out == ""
    assert all(line.startswith("smtpintake: ") for line in err.splitlines())
    assert len(err.splitlines()) <= 2


def test_every_command_has_help(command: Run) -> None:
    context = program.make_context("smtpintake", [], resilient_parsing=True)
    for name in program.list_commands(context):
        status, out, _ = command(name, "--help")
        assert status == 0
        assert "--config FILE" in out


def test_help_names_every_command_and_loads_none(command: Run) -> None:
    """A mail server's modules take seconds to load, and a container asks for its health every half a minute."""
    script = """import sys; from smtpintake.cli import run; run(["--help"])
for each in ("sqlalchemy", "pydantic", "structlog", "smtpintake.settings", "smtpintake.cli.log"):
    assert each not in sys.modules, each"""
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = listed.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == program.list_commands(click.Context(program))
    assert not [line for line in lines if line.endswith("...")]


def test_every_fault_of_the_settings_is_a_line(command: Run, folder: Path) -> None:
    (folder / "s.toml").write_text('[smtp]\nlistn = []\n[database]\nurl = "x"\n')
    status, _, err = command("--config", "s.toml", "log", "list")
    assert status == 2
    assert [line.split(": ")[2] for line in err.splitlines()] == ["smtp.listn", "database.url"]


def test_a_database_that_cannot_be_used_is_a_line(command: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("not a database, but long enough to be looked at as one" * 20)
    monkeypatch.setenv("SMTPINTAKE_DATABASE__URL", "sqlite:///file")
    assert command("log", "list")[::2] == (1, "smtpintake: database: file is not a database\n")
    monkeypatch.setenv("SMTPINTAKE_DATABASE__URL", "sqlite:///file/below.db")
    status, _, err = command("log", "list")
    assert (status, err.count("\n")) == (1, 1)
    monkeypatch.setenv("SMTPINTAKE_DATABASE__URL", "postgresql://u@127.0.0.1:1/x")
    status, _, err = command("log", "list")
    assert status == 1
    assert err.startswith("smtpintake: database: connection failed")


@pytest.mark.parametrize("arguments", [("log", "list"), ("apply", DEMO), ("issue", "comment", "SUP-1", "Hello")])
def test_no_command_makes_a_database_by_the_way(command: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    missing = "smtpintake: database: var/smtpintake.db is not there: "
    status, out, err = command(*arguments)
    assert (status, out) == (1, "")
    new = "name your settings with --config or SMTPINTAKE_CONFIG; for a new one, 'smtpintake migrate' makes it"
    assert err == f"{missing}{new}\n"
    assert list(folder.iterdir()) == []
    (folder / "s.toml").touch()
    assert (
        command("--config", "s.toml", *arguments)[2]
        == f"{missing}'smtpintake migrate' makes it, if s.toml names the right one\n"
    )
    assert command("migrate")[0] == 0
    assert command("log", "list") == (0, "", "no rows\n")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whoever_looks_leaves_an_older_schema_to_the_server_that_may_run_on_it(
    command: Run, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
    else:
        url = "sqlite:///older.db"
        (folder / "older.db").touch()
    monkeypatch.setenv("SMTPINTAKE_DATABASE__URL", url)
    assert command("log", "list")[::2] == (
        1,
        "smtpintake: the database is not at the newest schema: run 'smtpintake migrate'\n",
    )
    assert command("migrate")[:2] == (0, "the database has schema 0001 now; before, it was empty\n")
    assert command("migrate")[:2] == (0, "the database has the newest schema already: 0001\n")
    assert command("log", "list")[:2] == (0, "")


def test_a_schema_of_a_newer_version_is_named(migrated: None, command: Run) -> None:
    database = Database("sqlite:///var/smtpintake.db")
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    newer = "smtpintake: the database has schema 9999, which this version of smtpintake lacks\n"
    assert command("log", "list") == command("migrate") == (1, "", newer)


def test_a_reader_that_stops_reading_is_no_traceback(tracker: None) -> None:
    reader = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m smtpintake log raw {HELD} | head -c 10"], capture_output=True, check=False
    )
    assert reader.stdout == LARGE[:10]
    assert b"Traceback" not in reader.stderr


def test_output_that_nothing_can_hold_is_a_line(tracker: None) -> None:
    full = ["bash", "-c", f"{sys.executable} -m smtpintake log list > /dev/full"]
    written = subprocess.run(full, capture_output=True, check=False)
    assert (written.returncode, written.stderr) == (1, b"smtpintake: No space left on device\n")


# ---- policy --------------------------------------------------------------------------------------------------------


def test_a_policy_is_applied_and_exported(migrated: None, command: Run, folder: Path) -> None:
    status, out, _ = command("apply", DEMO, "--dry-run")
    assert status == 0
    assert out.endswith("nothing was changed: this was a dry run\n")
    assert command("export")[:2] == (0, "")
    status, applied, _ = command("apply", DEMO)
    assert applied.splitlines()[:-1] == out.splitlines()[:-1]
    assert applied.endswith("policy version 1 is in force\n")
    status, exported, _ = command("export")
    assert tomllib.loads(exported)["person"][0]["name"] == "Ana Ruiz"
    (folder / "e.toml").write_text(exported)
    assert command("apply", "e.toml", "--prune")[1] == "nothing to change; policy version 1 is in force\n"


def test_a_policy_is_applied_by_a_user_without_a_name(
    migrated: None, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that was told to run with a number of its own."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert command("apply", DEMO)[0] == 0


def test_a_policy_comes_from_standard_input(migrated: None, as_json: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    document = b'[[project]]\nkey = "SUP"\nname = "S\xc3\xbcpport"\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(document)))
    assert as_json("apply", "-") == {
        "changes": ['+ project SUP: name "Süpport"'],
        "policy_version": 1,
        "applied": True,
    }
    assert as_json("export") == {"project": [{"key": "SUP", "name": "Süpport"}]}


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        (b"[[project", ["p.toml: is not TOML"]),
        (b"\xff", ["p.toml: is not TOML"]),
        (
            b'[[inbox]]\nname = "A"\nproject = "X"\naddresses = ["nobody"]\nrequire = "dkim2"\n',
            ["p.toml: inbox[0].name: ", "p.toml: inbox[0].addresses[0]: ", "p.toml: inbox[0].require: "],
        ),
        (
            b'[[inbox]]\nname = "a"\nproject = "X"\naddresses = ["a@example.org"]\n',
            ["p.toml: inbox[0].project: 'X' is not a project; there are none"],
        ),
    ],
)
def test_every_fault_of_a_policy_is_a_line(
    migrated: None, command: Run, folder: Path, document: bytes, lines: list[str]
) -> None:
    (folder / "p.toml").write_bytes(document)
    status, out, err = command("apply", "p.toml")
    assert (status, out) == (2, "")
    said = [line.removeprefix("smtpintake: ") for line in err.splitlines() if not line.startswith("smtpintake: try ")]
    assert [line[: len(start)] for line, start in zip(said, lines, strict=True)] == lines


# ---- reading and working -------------------------------------------------------------------------------------------


def test_the_log_is_listed_for_people(tracker: None, command: Run) -> None:
    status, out, _ = command("log", "list")
    assert status == 0
    assert out.splitlines() == [
        "RECEIVED (UTC)       ID                OUTCOME                FROM                TO",
        "2026-03-01 12:00:03  06xyz00000000003  held sender.unknown    cara@customer.exa…  support@example.o…",
        "2026-03-01 12:00:02  06abc00000000002  rejected rcpt.unknown  cara@customer.exa…  no_one@example.org",
        "2026-03-01 12:00:01  06abc00000000001  created SUP-1          cara@customer.exa…  support@example.o…",
    ]
    assert command("log", "list", "--since", "1h") == (0, "", "no rows\n")


def test_the_log_is_listed_for_programs(tracker: None, as_json: Json) -> None:
    assert [row["id"] for row in as_json("log", "list")] == [HELD, REFUSED, CREATED]
    assert [row["id"] for row in as_json("log", "list", "--outcome", "created", "--to", "support")] == [CREATED]
    assert [row["id"] for row in as_json("log", "list", "--limit", "1", "--since", "2026-03-01")] == [HELD]
    assert as_json("log", "show", "06xyz")["outcome"] == "held"


def test_the_log_is_counted(tracker: None, command: Run, as_json: Json) -> None:
    assert command("log", "count", "--by", "domain")[1].splitlines() == [
        "COUNT  FIRST (UTC)          LAST (UTC)           DOMAIN",
        "3      2026-03-01 12:00:01  2026-03-01 12:00:03  customer.example",
    ]
    assert as_json("log", "count", "--since", "2026-03-01", "--outcome", "held") == [
        {
            "reason": "sender.unknown",
            "count": 1,
            "first": "2026-03-01T12:00:03.000Z",
            "last": "2026-03-01T12:00:03.000Z",
        }
    ]
    assert command("log", "count", "--since", "1h") == (0, "", "no rows\n")


def test_a_log_row_is_shown_with_its_trace(tracker: None, command: Run) -> None:
    status, out, _ = command("log", "show", CREATED)
    assert status == 0
    assert "outcome:         created, thread.new\n" in out
    assert "reply:           250 2.0.0 OK\n" in out
    assert "client:          192.0.2.1 (client.example)\n" in out
    assert "relay:           198.51.100.9, by xclient\nlogin:           printer\n" in out
    assert "spf:             pass\ndkim:            pass customer.example (s1)\n" in out
    assert "dmarc:           pass customer.example, p=reject\narc:             none\n" in out
    assert out.endswith(
        "\n\nThe author is known: Cara.\n"
        "The mail became a new issue (thread.new). Decided by sender, under policy version 1.\n"
    )
    assert "envelope sender: <>\n" in command("log", "show", HELD)[1]
    assert "is the beginning of several ids" in command("log", "show", "06ab")[2]


def test_a_mail_is_shown_with_what_was_verified(tracker: None, command: Run, folder: Path) -> None:
    assert command("log", "raw", CREATED, "--results", "-o", "out.eml") == (0, "", "")
    ours = b"Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=cara@customer.example\r\n"
    assert (folder / "out.eml").read_bytes() == ours + SMALL
    assert command("log", "raw", HELD, "--results")[::2] == (1, f"smtpintake: the mail of {HELD} was not verified\n")


def test_a_mail_is_written_to_a_file_octet_by_octet(tracker: None, command: Run, folder: Path) -> None:
    assert command("log", "raw", HELD, "-o", "out.eml") == (0, "", "")
    assert (folder / "out.eml").read_bytes() == LARGE
    assert command("log", "raw", REFUSED)[::2] == (
        1,
        f"smtpintake: the mail of {REFUSED} was not kept: it was rejected\n",
    )


def test_issues_are_listed_without_harm_to_the_terminal(tracker: None, command: Run) -> None:
    status, out, _ = command("issue", "list", "--project", "SUP")
    assert status == 0
    assert out.replace("\n", "").isprintable()
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert out.splitlines()[1].startswith(
        "SUP-2  open    normal    2026-03-01 12:02:00  cara@customer.example  Another"
    )
    assert max(map(len, out.splitlines())) <= 100


def test_an_issue_is_shown(tracker: None, command: Run, as_json: Json) -> None:
    status, out, _ = command("issue", "show", "SUP-1")
    assert status == 0
    assert out.startswith("SUP-1  Printer on fire\nstatus:        open\n")
    assert "assignee:      Ana Ruiz <ana@example.org>\n" in out
    assert "    Help!\n    [attachment 1: fire.png, text/plain, 4 octets]\n" in out
    assert (
        "-- 2026-03-01 12:05:00  Ana Ruiz <ana@example.org>\n\n    Use the extinguisher.\n    [there is more: --all"
        in out
    )
    assert "[mail 1 to cara@customer.example: queued: no smarthost configured]" in out
    everything = command("issue", "show", "SUP-1", "--all")[1]
    assert "    Use the extinguisher.\n    > Help!\n" in everything
    assert "there is more" not in everything
    assert as_json("issue", "show", "SUP-2")["title"] == "Another \x1b[2Jmatter\u202e"
    assert [one["key"] for one in as_json("issue", "list", "--status", "open")] == ["SUP-2", "SUP-1"]


def test_an_attachment_is_taken_out(tracker: None, command: Run, folder: Path) -> None:
    assert command("issue", "attachment", "1", "-o", "fire.png") == (0, "", "")
    assert (folder / "fire.png").read_bytes() == SMALL[:4]
    assert command("issue", "attachment", "2") == (0, "Subj", "")
    status, _, error = command("issue", "attachment", "99", "-o", "none")
    assert (status, error) == (1, "smtpintake: there is no attachment 99\n")
    assert not (folder / "none").exists()


def test_an_issue_is_worked_on(tracker: None, command: Run, as_json: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("issue", "comment", "sup-1", "On it", "--as", "ana@example.org") == (
        0,
        "SUP-1: comment 2 added\n",
        "",
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("From a file\n"))
    assert as_json("issue", "comment", "SUP-1", "-", "--internal") == {"issue": "SUP-1", "comment": 3}
    assert command("issue", "set", "SUP-1", "status=closed", "tags=+hot")[1] == (
        "SUP-1: status 'open' -> 'closed'\nSUP-1: tags ['mail'] -> ['mail', 'hot']\n"
    )
    assert command("issue", "set", "SUP-1", "status=closed")[1] == "SUP-1: nothing to change\n"
    assert as_json("issue", "set", "SUP-1", "status=open")["changes"] == ["SUP-1: status 'closed' -> 'open'"]
    view = as_json("issue", "show", "SUP-1")
    assert [(one["body_text"], one["internal"]) for one in view["comments"][1:]] == [
        ("On it", False),
        ("From a file", True),
    ]
    assert command("issue", "set", "SUP-1", "status=done")[::2] == (
        1,
        "smtpintake: status 'done' is not possible; allowed are open, closed\n",
    )


def test_the_outbox_is_looked_after(tracker: None, command: Run, as_json: Json) -> None:
    status, out, _ = command("outbox", "list")
    assert status == 0
    assert out.splitlines()[1].split() == [
        *("1", "queued", "2026-03-01", "12:00:00", "0", "SUP-1", "cara@customer.example"),
        *("no", "smarthost", "configured"),
    ]
    assert as_json("outbox", "list", "--state", "sent") == []
    assert as_json("outbox", "list", "--since", "1h") == []
    assert as_json("outbox", "list", "--to", "@nobody.example") == []
    assert len(as_json("outbox", "list", "--to", "@CUSTOMER.example", "--since", "2026-03-01")) == 1
    assert as_json("outbox", "show", "1")["text"].endswith("Thanks.\r\n")
    assert "    Thanks.\n" in command("outbox", "show", "1")[1]
    assert as_json("outbox", "retry", "1") == {"queued": 1}
    assert as_json("outbox", "show", "1")["next_attempt_at"] > "2026-03-01T13"
    status, out, err = command("outbox", "retry", "1", "9")
    assert (status, out) == (1, "1 of 2 queued to be tried at once\n")
    assert "the others are sent already" in err


def test_addresses_from_which_mail_came_back_are_seen_and_forgiven(
    tracker: None, folder: Path, command: Run, as_json: Json
) -> None:
    assert command("outbox", "addresses") == (0, "", "no mail came back\n")
    database = Database(f"sqlite:///{folder}/var/smtpintake.db")
    with database.write() as connection:
        gone = Mark(1, "cara@customer.example", Severity.HARD, "failed 5.1.1 no such user", datetime.now(UTC))
        mark(connection, [gone, replace(gone, address="dora@customer.example", severity=Severity.SOFT)])
    database.close()
    found = {one["address"]: (one["stopped"], one["reports"], one["last"]) for one in as_json("outbox", "addresses")}
    assert found == {
        "cara@customer.example": (True, 1, "failed 5.1.1 no such user"),
        "dora@customer.example": (False, 1, "failed 5.1.1 no such user"),
    }
    assert "stopped" in command("outbox", "addresses")[1]
    assert as_json("outbox", "show", "1")["bounced"] == "soft"
    assert command("outbox", "forgive", "CARA@customer.example")[:2] == (0, "1 of 1 forgiven\n")
    status, _, err = command("outbox", "forgive", "cara@customer.example")
    assert (status, "nothing came back" in err) == (1, True)
    assert command("outbox", "forgive", "nobody")[0] == 1
    assert [one["address"] for one in as_json("outbox", "addresses")] == ["dora@customer.example"]


def test_people_are_looked_at(tracker: None, command: Run, as_json: Json) -> None:
    assert [one["name"] for one in as_json("person", "list")] == ["Cara", "Ana Ruiz"]
    assert as_json("person", "show", "CARA@customer.example")["issues"] == ["SUP-2", "SUP-1"]
    assert as_json("person", "show", "1")["roles"] == {"SUP": "agent"}
    assert command("person", "list", "--search", "ruiz")[1].splitlines()[1] == (
        "1   Ana Ruiz  ana@example.org, ar@example.org                SUP=agent  policy   yes"
    )
    assert "SUP-1  open    2026-03-01 12:01:00  Printer on fire\n" in command("person", "show", "2")[1]
