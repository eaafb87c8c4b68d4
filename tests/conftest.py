"""Fixtures that tests of several packages share, and the rule that in CI nothing skips."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

# Where the environment forbids it, each process, ours and what we start, compiles all that it loads: half of a start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["tests.bucket", "tests.postgres", "tests.databases", "tests.server"]


@pytest.fixture(autouse=True, scope="session")
def loggers_are_not_kept() -> Iterator[None]:
    """A command that runs in this process sets up the journal; the loggers of the modules must not keep that for all
    tests to come, some of which look at what is said.
    """
    configure = structlog.configure

    def without_cache(*arguments: Any, **options: Any) -> None:
        configure(*arguments, **(options | {"cache_logger_on_first_use": False}))

    structlog.configure = without_cache
    yield
    structlog.configure = configure


@pytest.fixture(autouse=True)
def the_journal_is_reset() -> Iterator[None]:
    """To plain lines: structlog's own choice draws each value of each frame of a traceback, which takes seconds."""
    lines = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, lines])
    yield
    structlog.reset_defaults()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What takes long comes first: with a process a core, one would be left with it at the end.
    items.sort(key=lambda item: item.path.parent.name != "journey")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\nCI=true, and {len(skipped)} tests were skipped: what they need must be installed here")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
