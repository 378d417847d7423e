"""Logs: one line of JSON an event, ids only."""

import logging
import sys
from collections.abc import Callable

import structlog
from pydantic_core import to_json

_NOISY = ("twilio", "aiohttp", "urllib3", "apscheduler", "dramatiq", "sqlalchemy", "uvicorn.access")
"""Who speaks of what it carries: requests, statements, numbers. Only their alarms are kept."""


def configure_logging(level: str, *, pretty: bool = False) -> None:
    """Send structlog and the libraries' own logs to standard error, one line an event."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if pretty
        else structlog.processors.JSONRenderer(_json)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        # Past the standard library, which costs more than all the rest of a line.
        processors=[*shared, renderer],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _json(event: object, *, default: Callable[[object], object]) -> str:
    return to_json(event, fallback=default).decode()
