"""`artigraph cat REF.field`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, Literal
from uuid import UUID

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output, json_text
from artigraph.cli._parameters import complete_references

if TYPE_CHECKING:
    from artigraph.stored import StoredField

_PART = 1024 * 1024
_ROWS = 20
_COLUMNS = 50

_How = Literal["text", "json", "csv", "parquet", "raw"]


@store_command(storages=True)
@click.argument("ref", shell_complete=complete_references, metavar="REF.FIELD")
@click.option(
    "--as",
    "how",
    type=click.Choice(["text", "json", "csv", "parquet", "raw"]),
    help="The value for people, as JSON, a frame or table as CSV or Parquet, or the stored bytes.",
)
async def cat(output: Output, ref: str, how: _How | None) -> None:
    """Print a value.

    A text is printed as it is, and on a terminal with its control characters escaped. Of a value that is no plain
    value, such as a frame, a terminal gets a preview, and so does a pipe with --as text. The document of --json has
    the value, or the preview. `artigraph get` writes the stored bytes to a file.
    """
    from artigraph.cli._documents import ValueDocument
    from artigraph.cli._values import find_field
    from artigraph.view.references import find_value

    if how in ("raw", "parquet") and sys.stdout.isatty():
        msg = "Stored bytes are not printed to a terminal. Use a pipe, or `artigraph get`"
        raise click.UsageError(msg)
    node_id, path = await find_value(ref)
    field, labels = await find_field(node_id, path, ref)
    if how in ("raw", "csv", "parquet"):
        await _print_bytes(node_id, labels, field, ref, how)
        return
    if field.kind != "plain" and (output.form != "text" or how == "text" or (how is None and output.draws)):
        await _print_preview(output, node_id, labels, field, ref)
        return
    _check_plain(field, ref)
    document = ValueDocument(node_id, tuple(labels), field.serializer, field.value, None).to_dict()
    line = json_text(document["data"]["value"]) if how == "json" else _text(field, escaped=output.draws)
    output.pages(document, [line])


async def _print_preview(output: Output, node_id: UUID, labels: Sequence[str], field: StoredField, ref: str) -> None:
    import asyncio
    from functools import partial

    from artigraph.cli._documents import ValueDocument
    from artigraph.cli._previews import print_preview
    from artigraph.stored import open_stored
    from artigraph.view.previews import preview_stored

    source = await open_stored(node_id, labels)
    work = partial(preview_stored, source, field.serializer, rows=_ROWS, columns=_COLUMNS)
    preview = await asyncio.to_thread(work)
    document = ValueDocument(node_id, tuple(labels), field.serializer, None, preview)
    print_preview(output, document.to_dict(), preview, ref)


def _check_plain(field: StoredField, ref: str) -> None:
    from artigraph.errors import DeserializationError, QueryError

    if field.kind != "plain":
        msg = (
            f"{ref} holds {field.serializer}, which is no plain value. --as text shows its beginning. --as raw, or "
            f"`artigraph get {ref} -o FILE`, gives its bytes"
        )
        raise QueryError(msg)
    if field.problem is not None:
        raise DeserializationError(field.problem)


def _text(field: StoredField, *, escaped: bool) -> str:
    from artigraph.printable import printable

    if isinstance(field.value, str):
        lines = field.value.split("\n")
        return "\n".join(map(printable, lines)) if escaped else field.value
    return printable(repr(field.value))


async def _print_bytes(
    node_id: UUID, labels: Sequence[str], field: StoredField, ref: str, how: Literal["csv", "parquet", "raw"]
) -> None:
    """Print the stored bytes, or a frame or table in another format."""
    import asyncio

    from artigraph.cli._frames import TABULAR
    from artigraph.errors import QueryError
    from artigraph.stored import open_stored

    serializer = field.serializer
    if how == "raw":
        await asyncio.to_thread(_copy, await open_stored(node_id, labels))
        return
    if serializer is None or serializer not in TABULAR:
        msg = (
            f"{ref} holds {serializer}, which is no frame or table that can be written as {how}. Use --as raw, or "
            f"`artigraph get {ref} -o FILE`"
        )
        raise QueryError(msg)
    await asyncio.to_thread(_convert, await open_stored(node_id, labels), serializer, how)


def _convert(source: BinaryIO, serializer: str, how: Literal["csv", "parquet"]) -> None:
    from artigraph.cli._frames import converted

    with converted(source, serializer, how) as file:
        if how == "csv" and sys.stdout.isatty():
            from artigraph.printable import printable

            for line in file:
                click.echo(printable(line.decode().rstrip("\n")))
        else:
            _copy(file)


def _copy(source: BinaryIO) -> None:
    with source:
        while part := source.read(_PART):
            sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
