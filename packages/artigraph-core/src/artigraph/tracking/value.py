"""The artifact of a value that is no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from artigraph.model import ArtifactModel

__all__ = ["TrackedValue"]


@dataclass
class TrackedValue(ArtifactModel, name="artigraph.TrackedValue"):
    """What a tracked function took or returned, where that is no model: a frame, an array, a list of models."""

    value: Any
