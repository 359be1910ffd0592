"""`artigraph get REF.field -o PATH`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import click

from artigraph.cli._command import store_command
from artigraph.cli._files import force_option, new_file, target_option
from artigraph.cli._output import Output, size
from artigraph.cli._parameters import complete_references

_PART = 1024 * 1024


@store_command(storages=True)
@click.argument("ref", shell_complete=complete_references, metavar="REF.FIELD")
@target_option
@force_option
async def get(output: Output, ref: str, target: Path, *, force: bool) -> None:
    """Write the stored bytes of a value to a file.

    They are as the serializer wrote them: Parquet of a frame, .npy of an array, JSON of a plain value. Each part is
    checked before it is written. The file is complete, or is not made.
    """
    import asyncio

    from artigraph.cli._documents import FileDocument
    from artigraph.cli._plan import bytes_progress
    from artigraph.cli._values import find_field
    from artigraph.stored import open_stored
    from artigraph.view.references import find_value

    with new_file(target, force=force) as file:
        node_id, path = await find_value(ref)
        field, labels = await find_field(node_id, path, ref)
        source = await open_stored(node_id, labels)
        with bytes_progress(output, target.name, field.size) as done:
            written = await asyncio.to_thread(_copy, source, file, done)
    document = FileDocument(
        node_id=node_id,
        path=tuple(labels),
        serializer=field.serializer,
        size=written,
        sha256=None if field.sha256 is None else field.sha256.hex(),
        file=str(target),
    )
    line = f"{size(written)} of {field.serializer} written to {str(target)!r}"
    output.text(document.to_dict(), [line])


def _copy(source: BinaryIO, target: Path, done: Callable[[int], None]) -> int:
    """Copy into a file, and return the number of bytes."""
    written = 0
    with source, target.open("wb") as file:
        while part := source.read(_PART):
            file.write(part)
            written += len(part)
            done(len(part))
    return written
