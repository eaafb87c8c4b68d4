"""Fixtures that tests of several packages share, and the rule that in CI nothing skips."""

import os

import pytest

pytest_plugins = ["tests.postgres", "tests.server"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\nCI=true, and {len(skipped)} tests were skipped: what they need must be installed here")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
