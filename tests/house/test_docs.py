"""The documents: what is written from the code is current, and every link leads somewhere."""

import re

from docs import build, reference
from smtpintake.mail.reason import Reason


def test_the_list_of_replies_is_current() -> None:
    assert build.REPLIES.read_text() == build.replies(), "run `make docs`"


def test_every_reason_is_listed_once() -> None:
    listed = re.findall(r"`([a-z]+\.[a-z]+)`", build.replies())
    assert sorted(listed) == sorted(map(str, Reason))


def test_the_tables_of_the_policy_are_current() -> None:
    assert reference.POLICY.read_text("utf-8") == reference.policy(), "run `make docs`"


def test_every_setting_of_the_policy_has_its_row_and_a_meaning() -> None:
    settings = reference.settings()
    assert {setting.table for setting in settings} == reference.described_tables()
    assert [setting.path for setting in settings if setting.key and not setting.meaning] == []


def test_every_setting_of_the_policy_is_shown_by_a_test() -> None:
    """By its mark: `@pytest.mark.setting("inbox.unmatched")`."""
    shown, settings = reference.shown_by(), reference.settings()
    assert [setting.path for setting in settings if not setting.is_table and setting.path not in shown] == []
    assert sorted(shown.keys() - {setting.path for setting in settings}) == [], "no such setting"


def test_every_link_leads_somewhere() -> None:
    assert list(build.broken_links()) == []


def test_every_dependency_is_accounted_for() -> None:
    import tomllib

    project = tomllib.loads((build.ROOT / "pyproject.toml").read_text())
    named = [
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *(line for group in project["dependency-groups"].values() for line in group),
    ]
    names = {re.split(r"[^A-Za-z0-9_-]", line, maxsplit=1)[0] for line in named}
    text = (build.ROOT / "docs" / "dependencies.md").read_text()
    assert {name for name in names if f"| {name} " not in text} == set()
