"""The serializer of boosters."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support import deserializing, serializing
from artigraph.serializer.base import Serializer
from artigraph.serializer.lightgbm import _boosters, _compare, _preview

_PER_TREE = 2**12
"""Bytes that the text of a tree usually takes."""


class BoosterSerializer(Serializer[Any]):
    """Stores boosters of LightGBM as their text, which `lightgbm.Booster(model_file=...)` reads too.

    A loaded booster has the same trees, objective, features and categories, and the same `best_iteration`, `best_score`
    and `params`. Its text has 17 digits where they matter, so predictions are equal to the bit. It has all iterations,
    and not the data of its training.

    The structure of a file is checked before LightGBM reads it, because LightGBM trusts it.

    Refused: boosters that are still in training (their gains have more digits than the text), subclasses, the
    estimators of LightGBM (store `booster_`), a Dataset, and parameters that are not plain values.
    """

    name = "lightgbm-booster"
    types: tuple[type[Any], ...] = (_boosters.lightgbm.Booster,)

    def size_hint(self, value: Any) -> int | None:
        """Return an estimate: 4 kB for each tree."""
        return None if type(value) not in self.types else _PER_TREE * int(value.num_trees())

    def serialize(self, value: Any) -> bytes:
        """Return the text."""
        with serializing(self.name, value):
            return _boosters.to_file(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the booster of a text that this serializer wrote."""
        with deserializing(self.name):
            return _boosters.from_file(data)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> preview.TextPreview:
        """Return the objective, counts, features, scores and parameters as text. Reads no trees."""
        with deserializing(self.name):
            return _preview.preview_booster(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two boosters have equal texts, best iterations and scores, and parameters."""
        return _compare.same_booster(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on objectives, features, trees and parameters that differ."""
        return _compare.describe_boosters(before, after)


booster_serializer: BoosterSerializer = BoosterSerializer().register()
"""Serializes `lightgbm.Booster`."""
