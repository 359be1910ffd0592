"""What changed between two models, field by field."""

from artigraph.difference.report import Change, ChangeKind, ModelDiff
from artigraph.difference.walk import diff

__all__ = ["Change", "ChangeKind", "ModelDiff", "diff"]
