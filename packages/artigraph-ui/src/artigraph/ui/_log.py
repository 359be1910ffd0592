"""The log of the web view: the pages of errors refer to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

log = logging.getLogger("artigraph.ui")


class _WithoutHandlers(logging.Handler):
    """Writes warnings to stderr if the program has no handler for them.

    Python does so by itself, but not below a `NullHandler`, which the logger `artigraph` has. Servers such as uvicorn
    configure their own loggers only, so their log would lack the reason of an error page.
    """

    def emit(self, record: logging.LogRecord) -> None:
        others = (each for each in _handlers_of(log) if not isinstance(each, logging.NullHandler | _WithoutHandlers))
        if next(others, None) is None and logging.lastResort is not None:
            logging.lastResort.handle(record)


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Return the handlers that get the records of a logger."""
    above: logging.Logger | None = logger
    while above is not None:
        yield from above.handlers
        above = above.parent if above.propagate else None


_without_handlers = _WithoutHandlers(logging.WARNING)


def write_without_handlers() -> None:
    """Make warnings of the web view appear on stderr if the program does not handle them."""
    log.addHandler(_without_handlers)  # once, since it is the same one
