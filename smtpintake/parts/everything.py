"""Everything: each part a process of its own. This one only looks after them, and loads nothing that they need.

Contract: no part starts where an address is taken. The outbox comes first, and looks at all files that the settings
name: where one cannot be used, no listener has opened, and no mail was taken.
"""

from typing import Final

import structlog

from smtpintake.parts.addresses import bind_all
from smtpintake.settings import Settings
from smtpintake.supervisor import Part, Supervisor

_log: Final = structlog.get_logger(__name__)


async def run_everything(settings: Settings) -> int:
    """Run every part, and keep them running. The exit status. Raises NotReadyError where an address is taken: who
    started a second server hears so before the parts have loaded what they need.
    """
    for bound, _ in bind_all(settings):
        bound.close()
    workers = [Part(f"intake {number}", ("intake",)) for number in range(1, settings.smtp.workers + 1)]
    supervisor = Supervisor((Part("outbox", ("outbox",)), *workers), settings.smtp.drain_timeout, _tell_ready)
    return await supervisor.run()


def _tell_ready() -> None:
    _log.info("ready")
