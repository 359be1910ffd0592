"""The versions of a series: the artifacts of one model and label, and the aliases that name some of them."""

from artigraph.versions.series import Series, Version, series

__all__ = ["Series", "Version", "series"]
