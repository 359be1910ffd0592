"""The function `select`, with which a query begins."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from artigraph.errors import QueryError
from artigraph.graph.nodes import Node
from artigraph.identifiers import check_label
from artigraph.model.any_model import AnyModel, is_class_of_models
from artigraph.model.definition import define, is_model
from artigraph.query._artifacts import ArtifactSelect, StoredSelect
from artigraph.query._nodes import NodeSelect
from artigraph.query._runs import RunSelect
from artigraph.run import Run

M = TypeVar("M", bound=AnyModel)


@overload
def select(  # pyright: ignore[reportOverlappingOverload] (Run is no model)
    kind: type[Run],
) -> RunSelect: ...
@overload
def select(kind: type[Node]) -> NodeSelect: ...
@overload
def select(kind: str) -> StoredSelect: ...
@overload
def select(kind: type[M]) -> ArtifactSelect[M]: ...
def select(kind: type[Any] | str) -> Any:
    """Begin a query for artifacts of a model class and of classes derived from it, for runs, or for nodes of any kind.

        c = columns(Report)
        best = await select(Report).where(c.accuracy > 0.9).order_by(c.accuracy.desc()).limit(10).all()
        async for report in select(Report).in_run(run, descendants=True): ...
        failed = await select(Run).where(columns(Run).status == "failed").all()
        parts = await select(Node).in_run(run).labeled("accuracy").all()

    With the stored name of a model, as in `select("Report")`, the results are `StoredModel`s, as `load_stored` returns
    them. The class need not be here. Classes derived from it have names of their own.

    Artifacts are the models that were saved under a label. You reach a model inside an artifact through the artifact.
    Without an order, artifacts come in the order of their saves, and runs and nodes in the order of their creation.

    Raises:
        QueryError: `kind` is neither a model class nor a name nor `Run` nor `Node`.
        ModelDefinitionError: the class cannot be stored as it is defined.
    """
    if isinstance(kind, str):
        return StoredSelect(_name=check_label(kind, "The name of a model"))
    if kind is Run:
        return RunSelect()
    if kind is Node:
        return NodeSelect()
    if not is_class_of_models(kind):
        msg = f"select takes a model class, the stored name of one, Run or Node, not {kind!r:.100}"
        raise QueryError(msg)
    if is_model(kind):
        define(kind)
    return ArtifactSelect(_model_type=kind)
