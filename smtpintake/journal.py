"""What a process says of its own running, on standard error: for journald, a container's log, or a terminal.

Contract: one line an event. It names log ids and addresses, never the text of a mail; what became of each mail is in
the email log. A line that cannot be written (the disk is full, the reader of the pipe has gone) is lost, and raises
nothing: what is told of the work must not end the work.
"""

import logging
import sys
import threading
from contextlib import suppress
from typing import Final, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]


class _Journal:
    """What structlog's loggers write to."""

    def __init__(self) -> None:
        self._guard: Final = threading.Lock()

    def msg(self, line: str) -> None:
        with self._guard, suppress(OSError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def keep_journal(level: Level, form: Format) -> None:
    """Set up structlog, and the standard library's logging for what the libraries say."""
    renderer, journal = _renderer(form), _Journal()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(() if isinstance(renderer, structlog.dev.ConsoleRenderer) else (structlog.processors.format_exc_info,)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: journal,
        cache_logger_on_first_use=True,
    )
    # aiosmtpd tells of every command at its INFO level; what matters of a session is in the email log.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )


def _renderer(form: Format) -> structlog.typing.Processor:
    """Columns for people at a terminal; `key=value` lines otherwise, which cost a third and can be searched."""
    if form == "json":
        return structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
