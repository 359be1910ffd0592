"""The rule for labels and for the keys of mappings."""

from __future__ import annotations

from artigraph.errors import InvalidLabel

__all__ = ["LABEL_LENGTH", "check_label"]

LABEL_LENGTH = 255
"""The most code points of a label."""


def check_label(label: object, what: str = "A label", *, most: int = LABEL_LENGTH) -> str:
    """Return a label that every database stores and tells apart alike.

    The rule is stricter than that of some databases, so that a label that is valid on one is valid on all: text of
    `most` code points or fewer, without NUL (PostgreSQL has none in text) and without surrogates (which no database
    has).

    Raises:
        InvalidLabel: the label is not such a text; the message begins with `what`.
    """
    if not isinstance(label, str):
        msg = f"{what} is text, not {label!r} of type {type(label).__name__}"
        raise InvalidLabel(msg)
    if len(label) > most:
        msg = f"{what} has at most {most} code points; {label[:40]!r}... has {len(label)}"
        raise InvalidLabel(msg)
    if "\0" in label:
        msg = f"{what} cannot hold NUL: {label!r}"
        raise InvalidLabel(msg)
    try:
        label.encode()
    except UnicodeEncodeError as error:
        msg = f"{what} cannot hold surrogates, which are no characters: {label!r}"
        raise InvalidLabel(msg) from error
    return str(label)
