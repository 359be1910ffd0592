"""Links between the pages. All are relative, so they are right below any root path and behind any proxy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.types import Scope

_PARAMETER = re.compile(r"\{(\w+)\}")


class Links:
    """Makes the links of one page."""

    def __init__(self, request: Request, paths: Mapping[str, str]) -> None:
        self._request = request
        self._paths = paths
        self._root = _root(request.scope)
        self._given: dict[str, list[str]] = {}  # made once, since a page has many links
        for key, value in request.query_params.multi_items():
            self._given.setdefault(key, []).append(value)

    def to(self, name: str, /, **parameters: object) -> str:
        """Return the link to a page by the name of its route. Parameters that its path does not have are the query."""
        parts = _parts(self._paths[name])
        filled = "".join(quote(str(parameters[part]), safe="") if at % 2 else part for at, part in enumerate(parts))
        asked = {key: value for key, value in parameters.items() if key not in parts[1::2]}
        return f"{self._root}{filled}{_query(asked) if asked else ''}"

    def start_of(self, name: str) -> str:
        """Return the beginning of the links to the pages of a route, which end with an id."""
        return f"{self._root}{_parts(self._paths[name])[0]}"

    @property
    def root(self) -> str:
        """The link to the start of the application, or of one of its stores."""
        return self._root

    def here(self, **changes: object) -> str:
        """Return the link to this page with changes of its query. None removes a parameter."""
        last = self._request.scope["path"].rpartition("/")[2]
        return f"./{quote(last, safe='')}{_query({**self._given, **changes})}"


@cache
def _parts(path: str) -> list[str]:
    """Return the path of a route, split at its parameters: every second part is the name of one."""
    return _PARAMETER.split(path.removeprefix("/"))


def _query(parameters: Mapping[str, object]) -> str:
    """Return the query of a link. Parameters without a value are left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in parameters.items():
        given: Any = value
        several: list[Any] = list(given) if isinstance(value, (list, tuple)) else [given]
        pairs += [(key, str(each)) for each in several if each not in (None, "")]
    return f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""


def _root(scope: Scope) -> str:
    """Return what leads from the address of a request to the root of the application, as browsers resolve it."""
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
        if not path:  # without a slash at its end, the root is below its parent
            return f"./{quote(root.rpartition('/')[2], safe='')}/"
    encoded = (scope.get("raw_path") or b"").lower().count(b"%2f")
    depth = path.count("/") - encoded
    return "../" * (depth - 1) or "./"
