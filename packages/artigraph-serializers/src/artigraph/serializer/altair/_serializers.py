"""The serializer of charts."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer._support import deserializing, serializing
from artigraph.serializer._support.difference import named
from artigraph.serializer._support.json_text import is_list, is_object
from artigraph.serializer.altair._charts import CLASSES, from_json, spec_of, to_json
from artigraph.serializer.altair._document import differences, same_json
from artigraph.serializer.altair._preview import preview_chart
from artigraph.serializer.base import Serializer
from artigraph.serializer.preview import Preview


class ChartSerializer(Serializer[Any]):
    """Stores charts of Altair as the JSON of Vega-Lite: Chart, and charts that layer, join, facet or repeat others.

    A loaded chart has the same class and the same specification, as `to_dict()` returns it. Rows of a frame are part
    of that, as Altair converts them for Vega-Lite: times as texts, missing numbers as null. So the data of a loaded
    chart is `{"values": [...]}`, not a frame. Keep a frame in a field of its own to get it back exactly. Data at a URL
    stays there. The theme belongs to the process, and is not stored.

    Each chart is read back and compared before it is stored. A loaded chart is validated by Altair.

    Refused: subclasses, more rows than Altair allows, and charts under a data transformer other than the default one.
    """

    name = "altair-chart"
    types: tuple[type[Any], ...] = tuple(CLASSES.values())

    def size_hint(self, value: Any) -> int | None:
        """Return None, because the size of a chart is only found by converting its rows."""
        del value
        return None

    def serialize(self, value: Any) -> bytes:
        """Return JSON."""
        with serializing(self.name, value):
            return to_json(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the chart of JSON."""
        with deserializing(self.name):
            return from_json(data)

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        """Return marks, encodings and the number of rows as text. Of a large chart, return its first text.

        There is no picture, because only JavaScript draws one of this JSON.
        """
        with deserializing(self.name):
            return preview_chart(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two charts have one class and equal specifications with equal rows."""
        if type(one) is not type(other):
            return False
        try:
            return same_json(spec_of(one), spec_of(other))
        except SerializationError:
            return False

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the parts of the specification that differ."""
        parts: list[str] = []
        for path, one, other in differences(spec_of(before), spec_of(after)):
            parts.append(f"{path or 'all'} {_told(one)} → {_told(other)}")
        return "; ".join(named("differ", parts)) or "alike in their specifications"


def _told(value: Any) -> str:
    if is_list(value) or is_object(value):
        return f"{len(value):,} {'items' if is_list(value) else 'properties'}"
    return f"{value!r:.40}" if value is not None else "nothing"


chart_serializer: ChartSerializer = ChartSerializer().register()
"""Serializes the charts of Altair."""
