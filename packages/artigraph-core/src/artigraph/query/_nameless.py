"""A hint for a query that finds nothing: the store has models under names that no class here has."""

from __future__ import annotations

import logging
from typing import Any
from weakref import WeakSet

from artigraph.model.stored_names import has_class, stored_names
from artigraph.printable import quoted
from artigraph.query._nodes import read_model_names

_log = logging.getLogger("artigraph")
_MOST = 5
"""The most names in the hint."""
_looked: WeakSet[type[Any]] = WeakSet()
"""The classes for which the store was asked once."""


async def hint_at_names(model_type: type[Any]) -> None:
    """Log which stored names have no class here, if a class has no models in the store. It looks once for each class.

    A class that was renamed without an alias finds none of its former models, and nothing else would say so.
    """
    if model_type in _looked or not _log.isEnabledFor(logging.WARNING):
        return
    _looked.add(model_type)
    names = await read_model_names()
    nameless = [name for name in names if not has_class(name)]
    if nameless and not set(names).intersection(stored_names([model_type])):
        some = ", ".join(map(quoted, nameless[:_MOST]))
        more = f" and {len(nameless) - _MOST:,} more" if len(nameless) > _MOST else ""
        _log.warning(
            "No %s is stored, and no class here has the stored names %s%s. If the class was renamed, add its former "
            "name to its class line: aliases=(%s,)",
            model_type.__qualname__,
            some,
            more,
            quoted(nameless[0]),
        )
