"""Previews of datasets and labeled arrays: what the head says of each variable."""

from __future__ import annotations

import math
from typing import BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support.archive import open_archive
from artigraph.serializer._support.array_preview import shape_text
from artigraph.serializer._support.preview import table_preview, unread_table, within_limit
from artigraph.serializer.xarray._archive import head_of
from artigraph.serializer.xarray._metadata import name_from_json
from artigraph.serializer.xarray._variables import HEAD, INDEX, OWN, Entry

_PARSED = 24
"""How many times the memory of its text a parsed head takes."""
_LEAST_HEAD = 2**12
"""Bytes of a head that is parsed whatever the limit is."""


def preview_variables(
    file: BinaryIO, kind: str, noun: str, *, rows: int, columns: int, max_bytes: int
) -> preview.TablePreview:
    """Return a table of the variables in an archive. Reads none of their elements."""
    limited = preview.LimitedFile(file, max_bytes)

    def read() -> preview.TablePreview:
        with open_archive(limited) as archive:
            length = archive.getinfo(HEAD).file_size
            if length > max(max_bytes // _PARSED, _LEAST_HEAD):
                limited.exceeded = True
                msg = f"a head of {length} bytes is too much for a preview"
                raise OSError(msg)
            entries = head_of(archive, kind)["variables"]
        shown: list[Entry] = entries[: max(rows, 0)]
        cells = preview.Cells()
        every: list[tuple[str, str, list[preview.Cell]]] = [
            ("variable", "str", [cells.of(_name(each["name"])) for each in shown]),
            ("role", "str", [cells.of(_role(each)) for each in shown]),
            ("dims", "str", [cells.of(", ".join(_name(dim) or "None" for dim in each["dims"])) for each in shown]),
            ("dtype", "str", [cells.of(str(each["dtype"])) for each in shown]),
            ("shape", "str", [cells.of(_shape(each["shape"])) for each in shown]),
        ]
        described = [(preview.TableColumn(name, dtype), found) for name, dtype, found in every[: max(columns, 0)]]
        return table_preview(
            described,
            cells,
            rows=rows,
            size=limited.size,
            total_rows=len(entries),
            total_columns=len(every),
            noun=noun,
        )

    return within_limit(limited, read, lambda: unread_table(limited.size, noun))


def _name(stored: object) -> str | None:
    name: object = name_from_json(stored)
    return name if name is None or isinstance(name, str) else str(name)


def _role(entry: Entry) -> str:
    return "array" if entry["role"] == OWN else f"{entry['role']}{', indexed' if entry['store'] == INDEX else ''}"


def _shape(shape: list[int]) -> str:
    math.prod(shape)  # fails for what is no shape
    return shape_text(tuple(shape))
