"""Undo what a test leaves to the next one: registered buckets that no longer exist, and open runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import patch

import pytest

from artigraph.run import _lease as lease
from artigraph.storage import base

__all__ = ["alone"]


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Forget the buckets that a test registered, because gc lists all, and stop renewing the leases of its runs."""
    keepers: dict[int, Any] = {}
    registry: Any = vars(base)["_storages"]
    known = cast("dict[str, Any]", vars(registry)["_items"])
    before = set(known)
    # gc is to ask the storages that a test uses, not those of all model classes of all tests.
    with patch.object(lease, "_keepers", keepers), patch.object(registry, "all", lambda: tuple(registry)):
        yield
    for name in known.keys() - before:
        if {"ObjectStorage", "S3Storage"} & {kind.__name__ for kind in type(known[name]).__mro__}:
            del known[name]
    for keeper in keepers.values():
        keeper._held.clear()
