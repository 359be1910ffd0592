"""Serializer for the boosters of XGBoost."""

from artigraph.serializer._support.library import needs

with needs("xgboost"):
    from artigraph.serializer.xgboost._serializers import BoosterSerializer, booster_serializer

__all__ = ["BoosterSerializer", "booster_serializer"]
