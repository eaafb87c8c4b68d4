from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.intake.smtpserver import Server, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path / "spool", max_message_size=1 << 20, max_recipients=3) as server:
        yield server
