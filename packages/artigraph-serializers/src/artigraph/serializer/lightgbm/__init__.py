"""Serializer for the boosters of LightGBM."""

from artigraph.serializer._support.library import needs

with needs("lightgbm"):
    from artigraph.serializer.lightgbm._serializers import BoosterSerializer, booster_serializer

__all__ = ["BoosterSerializer", "booster_serializer"]
