"""The JSON Schemas of all documents that commands print. Those of the command line itself are shipped as files."""

from __future__ import annotations

from typing import Any


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document that a command prints with `--json`, by its name.

        json_schema("artigraph.fsck/1")
        json_schema(json.loads(printed)["schema"])
        json_schema("artigraph.error/1")        # of what is on stderr if a command fails

    It also returns the schemas that `artigraph.view.json_schema` has. Within a version, fields may be added. A field
    that is removed, or means something else, takes a new version.

    Raises:
        NotFoundError: no command of this release prints a document of that name.
    """
    import json
    from importlib.resources import files

    import artigraph.view as view
    from artigraph.errors import NotFoundError

    paths = sorted((files("artigraph.cli") / "schemas").iterdir(), key=lambda path: path.name)
    stems = [path.name.removesuffix(".json").rpartition("-") for path in paths]
    own = {f"artigraph.{stem}/{version}": path for (stem, _, version), path in zip(stems, paths, strict=True)}
    path = own.get(str(name))
    if path is not None:
        schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return schema
    try:
        return view.json_schema(name)
    except NotFoundError as error:
        msg = f"{error}, {', '.join(own)}"
        raise NotFoundError(msg) from None
