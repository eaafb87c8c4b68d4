import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.intake.smtpserver import Server, serving

_ASYNCIO = {"asyncio": asyncio.new_event_loop}
_BOTH = _ASYNCIO | {"uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What leans on the transports of a loop is tested on asyncio's and on uvloop's, which the server runs."""
    return _BOTH if item.path.stem == "test_tls" else _ASYNCIO


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path / "spool", max_message_size=1 << 20, max_recipients=3) as server:
        yield server
