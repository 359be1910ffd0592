"""Write the JSON Schemas of the documents of `artigraph.view` and of the command line from their dataclasses.

Run `just schemas` after a change of a document. A test compares the files with what this makes.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import artigraph.cli
import artigraph.view
from artigraph.cli import _cache, _documents, _error, _reports
from artigraph.serializer.preview import Preview
from artigraph.view import Document, listing

FOLDERS: Mapping[Path, tuple[ModuleType, ...]] = {
    Path(artigraph.view.__file__).parent / "schemas": (artigraph.view, listing),
    Path(artigraph.cli.__file__).parent / "schemas": (_cache, _documents, _error, _reports),
}
"""The folders of schemas, each with the modules of its documents."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE: Mapping[Any, dict[str, Any]] = {
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    object: {},
}
_NUMBER_OF_PREVIEW = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}


def documents(folder: Path) -> Iterator[type[Any]]:
    """Yield the documents whose schemas are in a folder."""
    for module in FOLDERS[folder]:
        for name in dir(module):
            value = getattr(module, name)
            here = inspect.isclass(value) and Path(inspect.getfile(value)).parent == folder.parent
            if here and isinstance(vars(value).get("schema"), str):
                yield value


def wanted(folder: Path) -> dict[str, str]:
    """Return the text of each file of a folder by its name."""
    return {file_name(document.schema): schema_text(document) for document in documents(folder)}


def file_name(schema: str) -> str:
    """Return the name of the file of a schema."""
    return f"{schema.removeprefix('artigraph.').replace('/', '-')}.json"


def schema_text(document: type[Any]) -> str:
    """Return the JSON Schema of a document, as its file has it."""
    return json.dumps(_Maker().document(document), indent=2, ensure_ascii=False) + "\n"


class _Maker:
    """Makes the schema of one document, with the parts that it refers to."""

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}

    def document(self, document: type[Any]) -> dict[str, Any]:
        if not issubclass(document, Document):  # then it is an error, which has neither data nor a next page
            record = {"$schema": _DIALECT, "title": document.schema, **self._record(document)}
            return {**record, "$defs": dict(sorted(self._parts.items()))}
        if document.__base__ is not Document:  # then it is a page
            data: dict[str, Any] = {"type": "array", "items": self._of(_item_of(document))}
        else:
            data = self._record(document)
            data.get("properties", {}).pop("next", None)
            data["required"] = [name for name in data["required"] if name != "next"]
        has_next = "next" in {field.name for field in fields(document)}
        return {
            "$schema": _DIALECT,
            "title": document.schema,
            "description": _first_line(document),
            "type": "object",
            "properties": {
                "schema": {"const": document.schema},
                "data": data,
                "next": {
                    "description": "The cursor of the next page, or null.",
                    "type": ["string", "null"] if has_next else "null",
                },
            },
            "required": ["schema", "data", "next"],
            "$defs": dict(sorted(self._parts.items())),
        }

    def _record(self, cls: type[Any]) -> dict[str, Any]:
        hints, notes = get_type_hints(cls), _notes(cls)
        properties: dict[str, Any] = {}
        if issubclass(cls, Preview):
            properties["kind"] = {"const": cls.kind}
        for field in fields(cls):
            note = {"description": notes[field.name]} if field.name in notes else {}
            properties[field.name] = note | self._of(hints[field.name], of_preview=issubclass(cls, Preview))
        return {
            "description": _first_line(cls),
            "type": "object",
            "properties": properties,
            "required": list(properties),
        }

    def _of(self, annotation: Any, *, of_preview: bool = False) -> dict[str, Any]:
        origin, args = get_origin(annotation), get_args(annotation)
        if annotation in _SIMPLE:
            return _NUMBER_OF_PREVIEW if of_preview and annotation is float else _SIMPLE[annotation]
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (Union, UnionType):
            return _any_of([self._of(arg, of_preview=of_preview) for arg in args])
        if origin is tuple:
            return {"type": "array", "items": self._of(args[0], of_preview=of_preview)}
        if inspect.isclass(origin) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self._of(args[1], of_preview=of_preview)}
        return self._part(annotation)

    def _part(self, cls: type[Any]) -> dict[str, Any]:
        if cls is Preview:
            kinds = sorted(Preview.__subclasses__(), key=lambda kind: kind.__name__)
            return {"anyOf": [self._part(kind) for kind in kinds]}
        if cls.__name__ not in self._parts:
            self._parts[cls.__name__] = {}
            self._parts[cls.__name__] = self._record(cls)
        return {"$ref": f"#/$defs/{cls.__name__}"}


def _item_of(document: type[Any]) -> type[Any]:
    """Return the class of the items of a page."""
    for base in getattr(document, "__orig_bases__", ()):
        for arg in get_args(base):
            if not isinstance(arg, TypeVar):
                item: type[Any] = arg
                return item
    msg = f"{document.__name__} does not say what its items are"
    raise SystemExit(msg)


def _any_of(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a schema that allows each option, as one list of types where that says all."""
    if all(list(option) == ["type"] for option in options):
        return {"type": [option["type"] for option in options]}
    return {"anyOf": options}


def _first_line(cls: type[Any]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _notes(cls: type[Any]) -> dict[str, str]:
    """Return the docstrings under the fields of a class and of its bases, each in one line."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        if base.__module__.startswith("artigraph."):
            [tree] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(tree, ast.ClassDef)
            for field, note in zip(tree.body, tree.body[1:], strict=False):
                match field, note:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = " ".join(text.split())
                    case _:
                        pass
    return found


def main() -> int:
    """Write the files, and remove those of documents that no longer exist."""
    for folder in FOLDERS:
        folder.mkdir(exist_ok=True)
        texts = wanted(folder)
        for path in folder.glob("*.json"):
            if path.name not in texts:
                path.unlink()
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
