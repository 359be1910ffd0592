"""The serializer of figures."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer._support import deserializing, serializing
from artigraph.serializer._support.difference import named, told
from artigraph.serializer.base import Serializer
from artigraph.serializer.numpy.compare import differing_array
from artigraph.serializer.plotly._exact import is_array
from artigraph.serializer.plotly._figures import difference, differences, from_json, go, state_of, to_json
from artigraph.serializer.plotly._preview import preview_figure
from artigraph.serializer.preview import Preview


class FigureSerializer(Serializer[Any]):
    """Stores figures of Plotly as their JSON, which plotly.js and `plotly.io.from_json` read.

    A loaded figure has equal traces, layout, template and frames, in the same order, and the same grid of subplots.
    Each value in them has its type again: arrays their dtype, times their class, and NaN and infinity, for which
    Plotly writes null. These types are in the key "artigraph" of the JSON, which Plotly ignores. Callbacks are not
    part of a figure, because they are code.

    Each figure is read back and compared before it is stored. A loaded figure is validated by Plotly.

    Refused: subclasses and `FigureWidget`, and values of types that neither JSON, NumPy, pandas nor the codec of plain
    values has.
    """

    name = "plotly-figure"
    types: tuple[type[Any], ...] = (go.Figure,)

    def size_hint(self, value: Any) -> int | None:
        """Return None, because the size of a figure is only found by copying it."""
        del value
        return None

    def serialize(self, value: Any) -> bytes:
        """Return JSON."""
        with serializing(self.name, value):
            return to_json(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the figure of JSON."""
        with deserializing(self.name):
            return from_json(data)

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        """Return title, and type, name and number of points of each trace. Of a large figure, return its first text.

        There is no picture, because only JavaScript draws one of this JSON.
        """
        with deserializing(self.name):
            return preview_figure(file, rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two figures have equal properties of equal types, and one grid of subplots. NaN equals NaN."""
        try:
            return difference(state_of(one), state_of(other)) is None
        except SerializationError:
            return False

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the number of traces, and on the properties that differ."""
        mine, theirs = state_of(before), state_of(after)
        parts: list[str] = []
        for key in ("data", "frames"):
            if len(mine[key]) != len(theirs[key]):
                noun = {"data": "traces", "frames": "frames"}[key]
                parts.append(f"{len(mine[key]):,} → {len(theirs[key]):,} {noun}")
            least = min(len(mine[key]), len(theirs[key]))
            mine[key], theirs[key] = mine[key][:least], theirs[key][:least]
        places = list(differences(mine, theirs))
        parts += named("differ", [f"{place} {_told(place, before, after)}".strip() for place in places])
        return "; ".join(parts) or "alike in traces, layout and frames"


def _told(place: str, before: Any, after: Any) -> str:
    """Return how many elements differ, if arrays of one dtype and shape are at a place."""
    try:
        one: Any = before[place]
        other: Any = after[place]
    except (KeyError, ValueError, IndexError, TypeError):
        return ""
    if not (is_array(one) and is_array(other)) or one.dtype != other.dtype or one.shape != other.shape:
        return ""
    return told(differing_array(one, other), one.size)


figure_serializer: FigureSerializer = FigureSerializer().register()
"""Serializes `plotly.graph_objects.Figure`."""
