"""What https://openlineage.io/spec/2-0-2/OpenLineage.json, and ParentRunFacet 1-2-0, ask of a run's events.

The keys that must be there, and the types and formats of those that may. The published files say the same in more
words; no package holds them.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

__all__ = ["violations"]

_TEXT = {"type": "string"}


def _text(kind: str) -> dict[str, Any]:
    return {"type": "string", "format": kind}


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_FACET = _object("_producer _schemaURL", _producer=_text("uri"), _schemaURL=_text("uri"), _deleted={"type": "boolean"})
_FACETS = {"type": "object", "additionalProperties": _FACET}
_RUN_ID = _object("runId", runId=_text("uuid"))
_NAMED = _object("namespace name", namespace=_TEXT, name=_TEXT)
_PARENT = {
    "allOf": [_FACET, _object("run job", run=_RUN_ID, job=_NAMED, root=_object("run job", run=_RUN_ID, job=_NAMED))]
}
_RUN = {"allOf": [_RUN_ID, _object(facets={**_FACETS, "properties": {"parent": _PARENT}})]}
_JOB = {"allOf": [_NAMED, _object(facets=_FACETS)]}
_DATASET = {"allOf": [_NAMED, _object(facets=_FACETS, inputFacets=_FACETS, outputFacets=_FACETS)]}
_EVENT = _object(
    "eventTime producer schemaURL run job",
    eventTime=_text("date-time"),
    producer=_text("uri"),
    schemaURL=_text("uri"),
    eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
    run=_RUN,
    job=_JOB,
    inputs=_list(_DATASET),
    outputs=_list(_DATASET),
)
Draft202012Validator.check_schema(_EVENT)
_formats = FormatChecker(["date-time", "uri", "uuid"])
_validator: Any = Draft202012Validator(_EVENT, format_checker=_formats)


def violations(event: dict[str, Any]) -> list[str]:
    """Return the violations of the schema in an event, each with its path."""
    return [f"{error.json_path}: {error.message}" for error in _validator.iter_errors(event)]
