"""What a part sets up for itself before it serves."""

import resource
from collections.abc import Iterator

import pytest

from smtpintake.parts.intake import allow_open_files


@pytest.fixture
def hard_limit() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("connections", "allowed"), [(1, 514), (1000, 2512), (1 << 30, None)])
def test_files_for_every_session(hard_limit: int, connections: int, allowed: int | None) -> None:
    allow_open_files(connections)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == hard_limit
    assert soft == (hard_limit if allowed is None else min(allowed, hard_limit))
