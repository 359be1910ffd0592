"""The statements that go to a database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from artigraph.db import get_engine


@contextmanager
def counted() -> Generator[list[str]]:
    """Note each statement that goes to a cursor, whether it was compiled or is the driver's own text."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = get_engine().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def transactions() -> Generator[list[int]]:
    """Count the statements of each transaction that is committed. Statements of one that only reads are not counted."""
    counts: list[int] = []
    engine = get_engine().sync_engine
    statements = 0

    def note(*_: Any) -> None:
        nonlocal statements
        statements += 1

    def begin(_connection: Any) -> None:
        nonlocal statements
        statements = 0

    def commit(_connection: Any) -> None:
        counts.append(statements)

    listeners = [("before_cursor_execute", note), ("begin", begin), ("commit", commit)]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield counts
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
