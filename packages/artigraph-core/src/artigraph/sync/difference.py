"""The sync twin of `artigraph.difference`."""

from __future__ import annotations

from typing import Any, overload
from uuid import UUID

import artigraph.difference as async_difference
from artigraph.difference._report import ModelDiff, RunDiff
from artigraph.identifiers import NodeId
from artigraph.model.any_model import AnyModel
from artigraph.run import Run
from artigraph.sync._twin import result_of
from artigraph.sync.run import RunManager

__all__ = ["diff"]


@overload
def diff(before: Run | RunManager | UUID | str, after: Run | RunManager | UUID | str) -> RunDiff: ...  # pyright: ignore[reportOverlappingOverload] (Run is no model)
@overload
def diff(before: AnyModel, after: AnyModel) -> ModelDiff: ...
def diff(before: NodeId | Any, after: NodeId | Any) -> Any:
    """Return what changed from one model to another, or from one run to another, down to single values.

        changes = diff(Report.load(old_id), Report.load(new_id))
        for change in changes:
            print(change.path, change.kind, change.before, change.after)

        changes = diff(old_run, new_run)  # two runs, or their ids: read from the database
        print(changes.parameters, changes.results)

    Values are equal if they are equal as fields of models that are compared by `==`. NaN equals NaN, arrays and frames
    are compared by content and dtype, and a class's own `__eq__` wins. Models of different classes are compared by the
    names of their fields. Depth is unlimited.

    Items of sequences are compared by index. If the lengths differ, equal items at the start and at the end are left
    out first. Values that are not loaded are compared by the hash of their stored bytes. If that does not decide, the
    change is `unknown`. If the same two objects meet again in several places, their changes are reported once.

    Parameters, tags and environments of runs are compared by name. There, values of different types differ: `1`, `1.0`
    and `True`. The artifacts directly in the runs are compared by label. Two artifacts are loaded only if what is
    stored differs. Those that cannot be loaded are compared by what is stored: without their classes, and objects by
    their hashes. An active run does not record them as used.

    Raises:
        ArgumentError: (a TypeError) the arguments are neither two models nor two runs.
        SerializationError: a value cannot be stored, and so cannot be compared with one that is not loaded.
        InvalidNodeIdError: a text is no id.
        NodeNotFoundError: a run does not exist.
        MalformedRowError: rows of a run's artifacts were altered by hand, or the database is damaged.
    """
    return result_of(async_difference.diff, before, after)
