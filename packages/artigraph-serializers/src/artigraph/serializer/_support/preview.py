"""Helpers for previews."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from artigraph.errors import STOPPING
from artigraph.serializer.preview import LimitedFile

T = TypeVar("T")


def within_limit(limited: LimitedFile, make: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """Return what `make` returns, or what `otherwise` returns if the file refused to read as much as that needs.

    A library may replace the file's error by one of its own, so the file is asked.
    """
    try:
        return make()
    except STOPPING:
        raise
    except BaseException:
        if limited.exceeded:
            return otherwise()
        raise
