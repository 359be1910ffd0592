"""Save and load any number of models at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, TypeVar, cast, overload
from uuid import UUID

from artigraph.errors import ArgumentError, NodeNotFoundError, SerializationError
from artigraph.graph.nodes import Node, read_nodes
from artigraph.identifiers import NodeId, check_ids, check_label, check_order
from artigraph.model.any_model import AnyModel, is_model_instance
from artigraph.model.failures import Errors, Loaded, LoadFailure, check_errors, log_failures
from artigraph.model.identity_map import node_id_of
from artigraph.model.load import load_each
from artigraph.model.save import save_models
from artigraph.progress import ProgressCallback, ProgressReporter

M = TypeVar("M", bound=AnyModel)


async def save_many(
    models: Mapping[str, AnyModel] | Iterable[tuple[str, AnyModel]],
    parent_id: NodeId | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> list[UUID]:
    """Save models under their labels, all or none of them in one transaction, and return their ids in order.

        ids = await save_many([("report", first), ("report", second)])

    The number of statements does not grow with the number of models. See `ArtifactModel.save` for labels, parents,
    progress and errors.
    """
    given = cast("Mapping[str, AnyModel]", models).items() if isinstance(models, Mapping) else models
    pairs = check_artifacts(given)
    return await save_models(pairs, parent_id, check_parent=True, report=ProgressReporter(progress))


@overload
async def load_many(
    model_type: type[M],
    node_ids: Iterable[NodeId],
    *,
    fields: Collection[str] | None = None,
    errors: Literal["raise"] = "raise",
    progress: ProgressCallback | None = None,
) -> list[M]: ...
@overload
async def load_many(
    model_type: type[M],
    node_ids: Iterable[NodeId],
    *,
    fields: Collection[str] | None = None,
    errors: Literal["skip"],
    progress: ProgressCallback | None = None,
) -> Loaded[M]: ...
async def load_many(
    model_type: type[M],
    node_ids: Iterable[NodeId],
    *,
    fields: Collection[str] | None = None,
    errors: Errors = "raise",
    progress: ProgressCallback | None = None,
) -> list[M]:
    """Load the models of nodes in the order of the ids. All are of one class or its subclasses.

    `ArtifactModel` as the class means any. An id that you pass twice gives two models. See `ArtifactModel.load` for
    `fields`, progress and errors. The first node that cannot be loaded raises its error. With `errors="skip"` it is
    skipped, and listed in `failures` of the result.
    """
    if isinstance(node_ids, type) and not isinstance(model_type, type):
        msg = f"The arguments of load_many are swapped: write load_many({cast('Any', node_ids).__qualname__}, [...])"
        raise ArgumentError(msg)
    failures: list[LoadFailure] | None = [] if check_errors(errors) else None
    ids, report = check_ids(node_ids, "load_many"), ProgressReporter(progress)
    found = await load_each(model_type, ids, fields=fields, failures=failures, report=report)
    models = [model for _, model in found]
    if failures is None:
        return models
    log_failures(failures, len(models))
    return Loaded(models, failures)


def check_artifacts(pairs: Iterable[tuple[str, AnyModel]]) -> list[tuple[str, AnyModel]]:
    """Check labels and models, and return them as a list.

    Raises:
        InvalidLabelError: a label is not valid.
        SerializationError: an artifact is not a model.
    """
    checked: list[tuple[str, AnyModel]] = []
    for label, model in pairs:
        check_order("save_many", label, model)
        check_label(label)
        if not is_model_instance(model):
            msg = (
                f"Artifact {label!r} is of type {type(model).__qualname__}; make it a field of an ArtifactModel, or "
                "call artifact_class for its class"
            )
            raise SerializationError(msg)
        checked.append((label, model))
    return checked


async def origin_of(model: AnyModel) -> Node:
    """Return the node that a model was last saved as or loaded from in this process, with its current properties.

        origin = await origin_of(report)
        origin.node_id, origin.label, origin.created_at
        run_id = origin.parent_id  # the run that saved it, or None

    The model may have changed since. A part of a model has an origin only if it was loaded by its own id.

    Raises:
        InvalidNodeIdError: the model was neither saved nor loaded in this process. A class with slots needs
            `weakref_slot=True` for its models to be recognized.
        NodeNotFoundError: the node was deleted, its save was rolled back, or it is in another database.
    """
    node_id = node_id_of(model)
    found = (await read_nodes([node_id])).get(node_id)
    if found is None:
        msg = f"There is no node {node_id} any more, which this {type(model).__qualname__} was saved as or loaded from"
        raise NodeNotFoundError(msg)
    return found
