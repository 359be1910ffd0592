"""What changed between two models, field by field."""

from artigraph.difference._report import Change, ChangeKind, ModelDiff
from artigraph.difference._walk import diff

__all__ = ["Change", "ChangeKind", "ModelDiff", "diff"]
