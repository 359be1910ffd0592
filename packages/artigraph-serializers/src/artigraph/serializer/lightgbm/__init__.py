"""Serializer for the boosters of LightGBM."""

from artigraph.errors import needs

with needs(__name__, "lightgbm"):
    from artigraph.serializer.lightgbm._serializers import BoosterSerializer, booster_serializer

__all__ = ["BoosterSerializer", "booster_serializer"]
