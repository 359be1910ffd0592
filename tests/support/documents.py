"""Documents of `artigraph.view` and of the command line as JSON, checked against their schemas."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from artigraph.view import Document, json_schema


def as_json(document: Document) -> Any:
    """Return a document as a reader of its JSON gets it, checked against its schema."""
    made = document.to_dict()
    read = json.loads(json.dumps(made, allow_nan=False).encode())
    assert read == made
    check_document(read, json_schema(document.schema))
    return read


def check_document(read: Any, schema: Any) -> None:
    """Check the JSON of a document against its schema, and that the schema names everything in it."""
    _validator.check_schema(schema)
    _validator(schema, format_checker=FormatChecker()).validate(read)
    _check_complete(read, schema, schema)


_validator: Any = Draft202012Validator


def _check_complete(value: Any, part: Any, schema: Any) -> None:
    """Check that a schema names each field of an object: it allows others, which later releases may add."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    if "anyOf" in part:
        options = [each for each in part["anyOf"] if _validator({**each, "$defs": schema["$defs"]}).is_valid(value)]
        assert options
        _check_complete(value, options[0], schema)
    elif "items" in part:
        for item in value:
            _check_complete(item, part["items"], schema)
    elif "properties" in part:
        assert set(value) == set(part["properties"])
        for name, of_name in part["properties"].items():
            _check_complete(value[name], of_name, schema)
