"""The model of values that are no models, and the warning about values that are not recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from artigraph.model import ArtifactModel


@dataclass
class TrackedValue(ArtifactModel, name="artigraph.TrackedValue"):
    """An argument or result of a tracked function that is no model: a frame, an array, a list of models."""

    value: Any


class TrackingWarning(UserWarning):
    """Warns that a value of a tracked call cannot be stored, and is not recorded, or that a call is not cached."""
