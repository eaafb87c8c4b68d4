"""Everything: each part a process of its own. This one only looks after them, and loads nothing that they need.

Contract: the outbox comes first, and looks at all files that the settings name: where one cannot be used, no listener
has opened, and no mail was taken.
"""

from typing import Final

import structlog

from smtpintake.settings import Settings
from smtpintake.supervisor import Part, Supervisor

_log: Final = structlog.get_logger(__name__)


async def run_everything(settings: Settings) -> int:
    """Run every part, and keep them running. The exit status."""
    workers = [Part(f"intake {number}", ("intake",)) for number in range(1, settings.smtp.workers + 1)]
    supervisor = Supervisor((Part("outbox", ("outbox",)), *workers), settings.smtp.drain_timeout, _tell_ready)
    return await supervisor.run()


def _tell_ready() -> None:
    _log.info("ready")
