"""The serializer of boosters."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support import deserializing, serializing
from artigraph.serializer.base import Serializer
from artigraph.serializer.xgboost import _boosters, _compare, _preview

_PER_ROUND = 2**12
"""Bytes that the trees of one round usually take."""


class BoosterSerializer(Serializer[Any]):
    """Stores boosters of XGBoost as UBJ, which `Booster.load_model` reads too.

    A loaded booster has the same trees or weights, objective, names and types of features, categories, attributes
    (`best_iteration` is one) and parameters of training. Its predictions are equal to the bit with the same version of
    XGBoost. It has no device and number of threads, which belong to a machine.

    The structure of a file is checked before XGBoost reads it, because XGBoost trusts it.

    Refused: boosters that were not trained, subclasses, the estimators of XGBoost (store `get_booster()`), a DMatrix,
    and a file of a newer version of XGBoost than the installed one.
    """

    name = "xgboost-booster"
    types: tuple[type[Any], ...] = (_boosters.xgboost.Booster,)

    def size_hint(self, value: Any) -> int | None:
        """Return an estimate: 4 kB for each round."""
        return None if type(value) not in self.types else _PER_ROUND * int(value.num_boosted_rounds())

    def serialize(self, value: Any) -> bytes:
        """Return UBJ."""
        with serializing(self.name, value):
            return _boosters.to_file(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the booster of UBJ that this serializer wrote."""
        with deserializing(self.name):
            return _boosters.from_file(data)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> preview.TextPreview:
        """Return the objective, counts, features, attributes and parameters as text. Reads no trees."""
        with deserializing(self.name):
            return _preview.preview_booster(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two boosters have equal models, to the bit, and equal parameters of training."""
        return _compare.same_booster(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on objectives, features, trees, attributes and parameters that differ."""
        return _compare.describe_boosters(before, after)


booster_serializer: BoosterSerializer = BoosterSerializer().register()
"""Serializes `xgboost.Booster`."""
