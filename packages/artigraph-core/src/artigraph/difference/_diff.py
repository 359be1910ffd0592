"""`diff`: of two models at once, of two runs as the database has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload
from uuid import UUID

from artigraph.difference._report import Change, ModelDiff, RunDiff
from artigraph.difference._walk import Pair, changes_of_models, diff_models, read_pairs, read_values
from artigraph.difference.stored import changes_of_stored, class_text
from artigraph.errors import ArgumentError, InvalidNodeIdError
from artigraph.graph import without_recording
from artigraph.identifiers import NodeId, check_id
from artigraph.model import ArtifactModel
from artigraph.model.any_model import AnyModel, is_model_instance
from artigraph.model.failures import LoadFailure
from artigraph.model.load import load_each
from artigraph.run import Run, RunManager


@overload
async def diff(before: Run | RunManager | UUID | str, after: Run | RunManager | UUID | str) -> RunDiff: ...
@overload
def diff(before: AnyModel, after: AnyModel) -> ModelDiff: ...  # pyright: ignore[reportOverlappingOverload] (Run is no model)
def diff(before: NodeId | Any, after: NodeId | Any) -> Any:
    """Return what changed from one model to another, or from one run to another, down to single values.

        changes = diff(await Report.load(old_id), await Report.load(new_id))
        for change in changes:
            print(change.path, change.kind, change.before, change.after)

        changes = await diff(old_run, new_run)  # two runs, or their ids: read from the database
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
    if is_model_instance(before) and is_model_instance(after):
        return diff_models(before, after)
    for value, other in ((before, after), (after, before)):
        if is_model_instance(value):
            msg = (
                f"diff compares two models or two runs, and {other!r:.100} is not a model as the other argument is. "
                "Load the model of an id first: await Model.load(node_id); compare other values with =="
            )
            raise ArgumentError(msg)
    return _diff_runs(_run_id(before), _run_id(after))


def _run_id(value: object) -> UUID:
    try:
        return check_id(value)
    except InvalidNodeIdError as error:
        msg = f"diff compares two models, or two runs, and {error}. Compare other values with =="
        raise InvalidNodeIdError(msg) from None


async def _diff_runs(before: UUID, after: UUID) -> RunDiff:
    values = await read_values(before, after)
    results: list[Change] = []
    async for pair in read_pairs(before, after):
        results += await _changes_of(pair)
    return RunDiff(before, after, values["parameter"], values["tag"], values["environment"], tuple(results))


async def _changes_of(pair: Pair) -> Sequence[Change]:
    before, after = pair.before, pair.after
    if after is None:
        return () if before is None else (Change("removed", None, None, pair.path, class_text(before)),)
    if before is None:
        return (Change("added", None, None, pair.path, class_text(after)),)
    stored = await changes_of_stored(before, after, pair.path)
    if not stored:
        return ()
    failures: list[LoadFailure] = []
    with without_recording():
        loaded = await load_each(ArtifactModel, [before.node_id, after.node_id], failures=failures)
    if failures:
        return stored
    (_, one), (_, other) = loaded
    return changes_of_models(one, other, pair.path)
