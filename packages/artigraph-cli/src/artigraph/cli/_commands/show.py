"""`artigraph show REF`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output, duration, moment
from artigraph.cli._parameters import complete_references

if TYPE_CHECKING:
    from artigraph.view import ArtifactDocument, RunDocument

_COLUMNS = [Column("name", keep=2), Column("value", keep=1)]


@store_command()
@click.argument("ref", shell_complete=complete_references)
async def show(output: Output, ref: str) -> None:
    """Show a run or an artifact: its values, what it belongs to, and what used it.

    For a run: status, times, parameters, tags, environment, and the newest of its artifacts. For an artifact: its
    fields, aliases, the run that made it, and the newest runs that used it. With --json it is all of that.
    """
    from artigraph.errors import NodeNotFoundError
    from artigraph.view import artifact_document, run_document
    from artigraph.view.references import find_node

    node_id = await find_node(ref)
    try:
        run = await run_document(node_id)
    except NodeNotFoundError:
        artifact = await artifact_document(node_id)
        output.table(artifact.to_dict(), _of_artifact(artifact), _COLUMNS, "")
        return
    output.table(run.to_dict(), _of_run(run), _COLUMNS, "")


def _of_run(run: RunDocument) -> list[dict[str, Any]]:
    data = run.to_dict()["data"]
    pairs: list[tuple[str, Any]] = [(name, data[name]) for name in ("run_id", "name", "status")]
    pairs += [(name, moment(data[name]) if data[name] else None) for name in ("started_at", "ended_at")]
    pairs += [("duration", None if run.duration is None else duration(run.duration))]
    pairs += [("cached_from", _computed(run))]
    pairs += [(name, data[name]) for name in ("error_type", "error_message", "parent_id", "child_runs")]
    pairs += [(f"{kind}.{name}", v) for kind in ("parameters", "tags", "environment") for name, v in data[kind].items()]
    pairs += [(f"used {item['model_name']}/{item['label']}", item["artifact_id"]) for item in data["used"]]
    served = set(data["served"])
    for item in data["produced"]:
        how = "served" if item["artifact_id"] in served else "produced"
        pairs.append((f"{how} {item['model_name']}/{item['label']}", item["artifact_id"]))
    return [{"name": name, "value": value} for name, value in pairs if value is not None]


def _computed(run: RunDocument) -> str | None:
    if run.cached_from is None:
        return None
    return f"run {run.cached_from}{'' if run.cached_from_exists else ' (deleted)'}"


def _of_artifact(artifact: ArtifactDocument) -> list[dict[str, Any]]:
    data = artifact.to_dict()["data"]
    names = ("artifact_id", "model_name", "class_version", "label")
    pairs: list[tuple[str, Any]] = [(name, data[name]) for name in names]
    pairs += [("created_at", moment(data["created_at"])), ("aliases", data["aliases"] or None)]
    pairs += [(name, data[name]) for name in ("previous_id", "following_id")]
    if data["made_by"] is not None:
        pairs.append(("made_by", f"run {data['made_by']['name'] or ''} {data['made_by']['run_id']}"))
    pairs += [("used_by", f"run {run['name'] or ''} {run['run_id']}") for run in data["used_by"]]
    pairs += [(".".join(field["path"]), _value(field)) for field in data["fields"]]
    return [{"name": name, "value": value} for name, value in pairs if value is not None]


def _value(field: dict[str, Any]) -> Any:
    """Return what a field holds, or what it is."""
    if field["problem"] is not None:
        return f"(cannot be read: {field['problem']})"
    if field["kind"] == "plain":
        return "None" if field["value"] is None else field["value"]
    if field["kind"] == "object":
        from artigraph.printable import bytes_text

        where = "the database" if field["storage"] is None else field["storage"]
        return f"{field['serializer']}, {bytes_text(field['size'] or 0)} in {where}"
    return (
        f"{field['model_name']} (version {field['class_version']})" if field["kind"] == "model" else field["serializer"]
    )
