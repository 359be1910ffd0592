"""How a run ended, and what is recorded of the exception that it failed with."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from artigraph.graph import RunStatus

__all__ = ["Outcome", "outcome_of"]

_ERROR_LENGTH = 4000


class Outcome(NamedTuple):
    """How a run ended; the class and message of an error are those that it failed with."""

    status: RunStatus
    error_type: str | None = None
    error_message: str | None = None


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how a run ended whose block was left by an exception, or by none."""
    if error is None or (isinstance(error, SystemExit) and error.code in (0, None)):
        return Outcome("completed")
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return Outcome("cancelled")
    return Outcome("failed", _type_name(error), _message_of(error))


def _type_name(error: BaseException) -> str:
    """Return the qualified name of an exception's class."""
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name[-255:]


def _message_of(error: BaseException) -> str:
    """Return an exception's message in a form that every database stores."""
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001 (an exception whose message cannot be had is still to be recorded)
        text = f"<no message: {type(failure).__name__}>"
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:_ERROR_LENGTH]
