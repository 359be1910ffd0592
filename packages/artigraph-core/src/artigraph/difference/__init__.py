"""What changed between two models, field by field, or between two runs."""

from artigraph.difference._diff import diff
from artigraph.difference._report import Change, ChangeKind, ModelDiff, RunDiff

__all__ = ["Change", "ChangeKind", "ModelDiff", "RunDiff", "diff"]
