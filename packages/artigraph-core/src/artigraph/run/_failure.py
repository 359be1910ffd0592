"""How a run ended, and what is recorded of the exception that it failed with."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from artigraph.graph import RunStatus
from artigraph.run._masking import masked_text

_ERROR_LENGTH = 4000
_LONGEST_MESSAGE = 3 * _ERROR_LENGTH
"""The length to which a message is cut before it is masked, since a mask is usually shorter than what it hides."""


class Outcome(NamedTuple):
    """How a run ended, with the class and the message of the exception if it failed."""

    status: RunStatus
    error_type: str | None = None
    error_message: str | None = None


def outcome_of(error: BaseException | None) -> Outcome:
    """Return the outcome of a run whose block was left by this exception, or by none."""
    if error is None or (isinstance(error, SystemExit) and error.code in (0, None)):
        return Outcome("completed")
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
        return Outcome("cancelled")
    return Outcome("failed", _type_name(error), _message_of(error))


def _type_name(error: BaseException) -> str:
    """Return the qualified name of an exception's class."""
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name[-255:]


def _message_of(error: BaseException) -> str:
    """Return an exception's message, with secrets masked, in a form that every database stores."""
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001 (an exception whose message cannot be had is still to be recorded)
        text = f"<no message: {type(failure).__name__}>"
    text = text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return masked_text(text[:_LONGEST_MESSAGE])[:_ERROR_LENGTH]
