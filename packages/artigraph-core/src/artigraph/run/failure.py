"""What is recorded of the exception that a run failed with."""

from __future__ import annotations

__all__ = ["message_of", "type_name"]

_ERROR_LENGTH = 4000


def type_name(error: BaseException) -> str:
    """Return the qualified name of an exception's class."""
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name[-255:]


def message_of(error: BaseException) -> str:
    """Return an exception's message in a form that every database stores."""
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001 (an exception whose message cannot be had is still to be recorded)
        text = f"<no message: {type(failure).__name__}>"
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:_ERROR_LENGTH]
