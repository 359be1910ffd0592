"""The files that pages load: the style sheet, the script and the icon."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

TYPES: Mapping[str, str] = MappingProxyType(
    {"app.js": "text/javascript", "detail.css": "text/css", "icon.svg": "image/svg+xml", "style.css": "text/css"}
)
"""The files by name, and their media types."""


@cache
def assets() -> Mapping[str, bytes]:
    """Return the contents of the files by name."""
    folder = files("artigraph.ui").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in TYPES}


@cache
def version() -> str:
    """Return what changes when a file does. It is part of the links, so browsers keep a file until it changes."""
    return hashlib.sha256(b"".join(assets().values())).hexdigest()[:12]
