"""The JSON Schemas of the documents, which are shipped as files."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from artigraph.errors import NotFoundError

_NAME = re.compile(r"artigraph\.([a-z]+(?:-[a-z]+)*)/([0-9]+)")


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document, by the name that its `schema` has.

        json_schema("artigraph.runs/1")
        json_schema((await runs_page()).schema)

    Within a version, fields may be added. A field that is removed, or means something else, takes a new version.

    Raises:
        NotFoundError: this release has no document of that name.
    """
    folder = files("artigraph.view") / "schemas"
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is not None:
        path = folder / f"{found[1]}-{found[2]}.json"
        if path.is_file():
            schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return schema
    known = sorted(path.name.removesuffix(".json").rpartition("-") for path in folder.iterdir())
    names = ", ".join(f"artigraph.{stem}/{version}" for stem, _, version in known)
    msg = f"There is no schema {name!r:.100}. This release has {names}"
    raise NotFoundError(msg)
