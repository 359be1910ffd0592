"""Serializer for the boosters of XGBoost."""

from artigraph.errors import needs

with needs(__name__, "xgboost"):
    from artigraph.serializer.xgboost._serializers import BoosterSerializer, booster_serializer

__all__ = ["BoosterSerializer", "booster_serializer"]
